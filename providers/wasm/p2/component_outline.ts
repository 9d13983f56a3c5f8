/** Whether these bytes begin as those of a component do. */
export function isComponent(bytes: Uint8Array): boolean {
  return preamble.every((byte, index) => bytes[index] === byte);
}

/** The magic number, version 13 and layer 1. */
const preamble = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
