import {
  MalformedModuleError,
  readSections,
  WasmReader,
} from "../wasm_reader.ts";
import type {
  CanonOptions,
  ComponentBody,
  Definition,
  Reference,
} from "./component_definitions.ts";
import {
  readAlias,
  readCoreSort,
  readDescription,
  readExternName,
  readSort,
  readType,
  readVector,
  skipCoreType,
} from "./type_reader.ts";

/**
 * Reads a component of WASI 0.2; throws a `MalformedModuleError` where it is none, or has parts
 * that came later, such as asynchronous functions.
 */
export function readComponentBody(
  bytes: Uint8Array<ArrayBuffer>,
): ComponentBody {
  const definitions = readSections(bytes).flatMap(({ id, start, end }) =>
    readSection(id, bytes.subarray(start, end))
  );
  return { definitions };
}

function readSection(
  id: number,
  bytes: Uint8Array<ArrayBuffer>,
): readonly Definition[] {
  const reader = new WasmReader(bytes);
  const each = (read: () => Definition) => readVector(reader, read);
  switch (id) {
    case 0:
      return [];
    case 1:
      return [{ kind: "coreModule", bytes }];
    case 2:
      return each(() => readCoreInstance(reader));
    case 3:
      return each(() => {
        skipCoreType(reader);
        return { kind: "coreType" };
      });
    case 4:
      return [{ kind: "component", component: readComponentBody(bytes) }];
    case 5:
      return each(() => readInstance(reader));
    case 6:
      return each(() => readAlias(reader));
    case 7:
      return each(() => ({ kind: "type", type: readType(reader) }));
    case 8:
      return each(() => readCanon(reader));
    case 10:
      return each(() => {
        const name = readExternName(reader);
        return { kind: "import", name, description: readDescription(reader) };
      });
    case 11:
      return each(() => readExport(reader));
    default:
      throw new MalformedModuleError(
        `a section of kind ${id} is not of WASI 0.2`,
      );
  }
}

function readCoreInstance(reader: WasmReader): Definition {
  if (reader.byte() === 0) {
    const module = reader.unsigned();
    const args = readVector(reader, () => {
      const name = reader.name();
      // Only instances can be given.
      reader.byte();
      return [name, reader.unsigned()] as const;
    });
    return { kind: "coreInstance", module, args };
  }
  const exports = readVector(reader, () => {
    const name = reader.name();
    const sort = readCoreSort(reader);
    return [name, { sort, index: reader.unsigned() }] as const;
  });
  return { kind: "coreExports", exports };
}

function readInstance(reader: WasmReader): Definition {
  if (reader.byte() === 0) {
    const component = reader.unsigned();
    const args = readVector(
      reader,
      () => [reader.name(), readReference(reader)] as const,
    );
    return { kind: "instance", component, args };
  }
  const exports = readVector(
    reader,
    () => [readExternName(reader), readReference(reader)] as const,
  );
  return { kind: "exports", exports };
}

function readReference(reader: WasmReader): Reference {
  const sort = readSort(reader);
  return { sort, index: reader.unsigned() };
}

function readExport(reader: WasmReader): Definition {
  const name = readExternName(reader);
  const reference = readReference(reader);
  // What it says that its type is makes no difference here.
  if (reader.byte() !== 0) readDescription(reader);
  return { kind: "export", name, reference };
}

function readCanon(reader: WasmReader): Definition {
  const kind = reader.byte();
  switch (kind) {
    case 0: {
      reader.byte();
      const core = reader.unsigned();
      const options = readOptions(reader);
      return { kind: "lift", core, options, type: reader.unsigned() };
    }
    case 1: {
      reader.byte();
      const callee = reader.unsigned();
      return { kind: "lower", function: callee, options: readOptions(reader) };
    }
    case 2:
      return { kind: "resource", action: "new", type: reader.unsigned() };
    case 3:
      return { kind: "resource", action: "drop", type: reader.unsigned() };
    case 4:
      return { kind: "resource", action: "rep", type: reader.unsigned() };
    default:
      throw new MalformedModuleError(
        `a built-in function of kind ${kind} is not of WASI 0.2`,
      );
  }
}

function readOptions(reader: WasmReader): CanonOptions {
  let options: CanonOptions = { encoding: "utf8" };
  readVector(reader, () => {
    const kind = reader.byte();
    switch (kind) {
      case 0:
        return;
      case 1:
        options = { ...options, encoding: "utf16" };
        return;
      case 2:
        options = { ...options, encoding: "latin1+utf16" };
        return;
      case 3:
        options = { ...options, memory: reader.unsigned() };
        return;
      case 4:
        options = { ...options, realloc: reader.unsigned() };
        return;
      case 5:
        options = { ...options, postReturn: reader.unsigned() };
        return;
      default:
        throw new MalformedModuleError(
          `an option of kind ${kind} is not of WASI 0.2`,
        );
    }
  });
  return options;
}
