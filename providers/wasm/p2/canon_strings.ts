import type { CanonMemory } from "./canon_memory.ts";

/** Reads a string of so many units, which are bytes or pairs of them as the encoding says. */
export function loadString(
  memory: CanonMemory,
  at: number,
  units: number,
): string {
  switch (memory.encoding) {
    case "utf8":
      return utf8.decode(memory.slice(at, units));
    case "utf16":
      return decode("utf-16le", memory.slice(at, units * 2));
    case "latin1+utf16": {
      const wide = units >= utf16Tag;
      const length = wide ? (units - utf16Tag) * 2 : units;
      return wide
        ? decode("utf-16le", memory.slice(at, length))
        : Array.from(memory.slice(at, length), (byte) =>
          String.fromCharCode(byte)).join("");
    }
  }
}

/** Has the guest take a string: its place and its units. */
export function storeString(
  memory: CanonMemory,
  text: string,
): readonly [number, number] {
  if (memory.encoding === "utf8") {
    const bytes = encoder.encode(text);
    const at = memory.allocate(bytes.length, 1);
    memory.bytes.set(bytes, at);
    return [at, bytes.length];
  }
  const at = memory.allocate(text.length * 2, 2);
  const { view } = memory;
  for (let i = 0; i < text.length; i++) {
    view.setUint16(at + i * 2, text.charCodeAt(i), true);
  }
  const tag = memory.encoding === "utf16" ? 0 : utf16Tag;
  return [at, tag + text.length];
}

// Making one takes longer than what most strings take. They keep no state between whole strings.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Says that a string which could be Latin-1 is UTF-16. */
const utf16Tag = 2 ** 31;

function decode(encoding: string, bytes: Uint8Array<ArrayBuffer>): string {
  return new TextDecoder(encoding, { fatal: true, ignoreBOM: true })
    .decode(bytes);
}
