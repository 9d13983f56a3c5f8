import { applyEdits, type ByteEdit, growth } from "./byte_edits.ts";
import { flagType, growBody, growType } from "./grow_function.ts";
import {
  memoryGrow,
  skipInstruction,
  UnknownInstructionError,
} from "./instructions.ts";
import {
  countGlobals,
  countTypes,
  externKind,
  readExports,
  readImports,
  readMemories,
} from "./module_outline.ts";
import {
  encodeUnsigned,
  type Limits,
  readSections,
  type Section,
  sectionId,
  WasmReader,
} from "./wasm_reader.ts";

/** A module with a memory limit built into it, or why that cannot be. */
export type LimitedModule =
  | {
    /** A grow beyond the limit sets the exported global `flag` to 1 and traps. */
    readonly kind: "exact";
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly flag: string;
  }
  | {
    /** The module never grows its memory. */
    readonly kind: "constant";
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  | {
    /** It has instructions unknown here: a grow beyond the limit fails inside of the guest. */
    readonly kind: "capped";
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  | {
    /** It begins with more memory than the limit. */
    readonly kind: "exceeded";
    readonly message: string;
  };

/**
 * Builds a limit on all linear memory together into a module.
 *
 * Every `memory.grow` becomes the call of an added function. All additions come last in their
 * sections, so that no index in the module shifts. An invalid module stays invalid, or
 * `MalformedModuleError` is thrown.
 */
export function limitMemory(
  bytes: Uint8Array<ArrayBuffer>,
  limitBytes: number,
): LimitedModule {
  const limitPages = Math.floor(limitBytes / pageBytes);
  const sections = readSections(bytes);
  const memories = readMemories(bytes, sections);
  const pages = memories.reduce((sum, memory) => sum + memory.min, 0);
  if (pages > limitPages) {
    return { kind: "exceeded", message: tooLarge(pages, limitPages) };
  }
  const module = { bytes, sections, memories, limitPages };
  try {
    return redirectGrows(module);
  } catch (error) {
    if (!(error instanceof UnknownInstructionError)) throw error;
    return { kind: "capped", bytes: capMemories(module, limitPages - pages) };
  }
}

interface Module {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sections: readonly Section[];
  readonly memories: readonly Limits[];
  readonly limitPages: number;
}

function redirectGrows(module: Module): LimitedModule {
  const { bytes, sections } = module;
  const code = sections.find(({ id }) => id === sectionId.code);
  const bodies = code === undefined ? [] : readBodies(bytes, code);
  if (bodies.every((body) => body.grows.length === 0)) {
    return { kind: "constant", bytes };
  }
  const imports = readImports(bytes, sections);
  const imported = (kind: number) =>
    imports.filter((item) => item.kind === kind).length;
  const firstAdded = imported(externKind.function) + bodies.length;
  const flag = unusedName(readExports(bytes, sections));
  const additions = addedItems(module, {
    flag,
    flagGlobal: imported(externKind.global) + countGlobals(bytes, sections),
  });
  const redirects = bodies.flatMap((body) => redirectBody(body, firstAdded));
  const edits = sections.flatMap((section) => {
    const inside = section === code ? redirects : [];
    return sectionEdits(bytes, section, inside, additions[section.id] ?? []);
  });
  const absent = [sectionId.global, sectionId.export].filter((id) =>
    sections.every((section) => section.id !== id)
  );
  edits.push(...absent.map((id) => newSection(module, id, additions[id])));
  // Stable: what ends one section stays before what begins at the same place.
  edits.sort((a, b) => a.at - b.at);
  return { kind: "exact", bytes: applyEdits(bytes, edits), flag };
}

type Items = readonly (readonly number[])[];

/** What is added at the end of which section. */
function addedItems(
  { bytes, sections, memories, limitPages }: Module,
  { flag, flagGlobal }: { readonly flag: string; readonly flagGlobal: number },
): Readonly<Record<number, Items>> {
  const types = countTypes(bytes, sections);
  return {
    [sectionId.type]: memories.map(growType),
    [sectionId.function]: memories.map((_, index) =>
      encodeUnsigned(types + index)
    ),
    [sectionId.global]: [flagType],
    [sectionId.export]: [[
      ...encodeUnsigned(flag.length),
      ...new TextEncoder().encode(flag),
      externKind.global,
      ...encodeUnsigned(flagGlobal),
    ]],
    [sectionId.code]: memories.map((_, index) =>
      growBody({ memories, index, limitPages, flagGlobal })
    ),
  };
}

/** One function of the code section. */
interface Body {
  /** Where its size is written, and how many bytes that takes. */
  readonly sizeAt: number;
  readonly sizeLength: number;
  readonly size: number;
  readonly grows: readonly Grow[];
}

/** One `memory.grow` instruction. */
interface Grow {
  readonly at: number;
  readonly length: number;
  readonly memory: number;
}

function readBodies(bytes: Uint8Array, code: Section): readonly Body[] {
  const section = new WasmReader(bytes, code.start, code.end);
  const bodies: Body[] = [];
  for (let left = section.unsigned(); left > 0; left--) {
    const sizeAt = section.position;
    const size = section.length();
    const start = section.position;
    section.skip(size);
    const grows = findGrows(new WasmReader(bytes, start, start + size));
    bodies.push({ sizeAt, sizeLength: start - sizeAt, size, grows });
  }
  return bodies;
}

function findGrows(reader: WasmReader): readonly Grow[] {
  for (let left = reader.unsigned(); left > 0; left--) {
    reader.skipNumber();
    reader.skipValueType();
  }
  const grows: Grow[] = [];
  while (!reader.done) {
    const at = reader.position;
    if (skipInstruction(reader) !== memoryGrow) continue;
    const memory = new WasmReader(reader.bytes, at + 1).unsigned();
    grows.push({ at, length: reader.position - at, memory });
  }
  return grows;
}

/** Makes each grow in a function a call of the function that was added for its memory. */
function redirectBody(body: Body, firstAdded: number): readonly ByteEdit[] {
  if (body.grows.length === 0) return [];
  const calls = body.grows.map(({ at, length, memory }): ByteEdit => ({
    at,
    length,
    bytes: [callOpcode, ...encodeUnsigned(firstAdded + memory)],
  }));
  const size = encodeUnsigned(body.size + growth(calls));
  return [{ at: body.sizeAt, length: body.sizeLength, bytes: size }, ...calls];
}

/** Changes a section's size and count along with its content and the items added to it. */
function sectionEdits(
  bytes: Uint8Array,
  section: Section,
  inside: readonly ByteEdit[],
  items: Items,
): readonly ByteEdit[] {
  if (items.length === 0) return inside;
  const { offset, start, end } = section;
  const reader = new WasmReader(bytes, start, end);
  const count = encodeUnsigned(reader.unsigned() + items.length);
  const content: readonly ByteEdit[] = [
    { at: start, length: reader.position - start, bytes: count },
    ...inside,
    { at: end, length: 0, bytes: items.flat() },
  ];
  const size = encodeUnsigned(end - start + growth(content));
  const sizeLength = start - offset - 1;
  return [{ at: offset + 1, length: sizeLength, bytes: size }, ...content];
}

/** Adds a global or export section, each before the first of those that must follow. */
function newSection(
  { bytes, sections }: Module,
  id: number,
  items: Items = [],
): ByteEdit {
  const content = [...encodeUnsigned(items.length), ...items.flat()];
  const next = sections.find((section) => afterExports.includes(section.id));
  const previousExports = id === sectionId.global
    ? sections.find((section) => section.id === sectionId.export)
    : undefined;
  return {
    at: (previousExports ?? next)?.offset ?? bytes.length,
    length: 0,
    bytes: [id, ...encodeUnsigned(content.length), ...content],
  };
}

/**
 * Bounds what other modules, which import the memories of this one, can make of each of them.
 * Memories that begin with more than the limit keep their size.
 */
export function capGrowth(
  bytes: Uint8Array<ArrayBuffer>,
  limitBytes: number,
): Uint8Array<ArrayBuffer> {
  const sections = readSections(bytes);
  const memories = readMemories(bytes, sections);
  const limitPages = Math.floor(limitBytes / pageBytes);
  const pages = memories.reduce((sum, memory) => sum + memory.min, 0);
  const module = { bytes, sections, memories, limitPages };
  return capMemories(module, Math.max(0, limitPages - pages));
}

/** Lets every memory have its minimum and the spare pages at most. */
function capMemories(
  { bytes, sections, memories }: Module,
  sparePages: number,
): Uint8Array<ArrayBuffer> {
  const section = sections.find(({ id }) => id === sectionId.memory);
  if (section === undefined) return bytes;
  const content = [
    ...encodeUnsigned(memories.length),
    ...memories.flatMap(({ flags, min, max }) => [
      flags | 1,
      ...encodeUnsigned(min),
      ...encodeUnsigned(Math.min(max ?? Infinity, min + sparePages)),
    ]),
  ];
  return applyEdits(bytes, [{
    at: section.offset + 1,
    length: section.end - section.offset - 1,
    bytes: [...encodeUnsigned(content.length), ...content],
  }]);
}

function unusedName(exports: readonly { readonly name: string }[]): string {
  const used = new Set(exports.map(({ name }) => name));
  let name = "farlet_memory_limit_hit";
  while (used.has(name)) name += "_";
  return name;
}

function tooLarge(pages: number, limitPages: number): string {
  const kib = (count: number) => `${count * pageBytes / 1024} KiB`;
  return `module begins with ${kib(pages)} of memory, and its limit is ${
    kib(limitPages)
  }`;
}

const pageBytes = 65536;

const callOpcode = 0x10;

/** The start, element, data count and code sections, in the order of modules. */
const afterExports: readonly number[] = [8, 9, 12, 10];
