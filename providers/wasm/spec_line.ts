import type { GuestSpec } from "./guest_spec.ts";

/**
 * The first line on the standard input of a runner, in whole blocks: a runner that reads block by
 * block takes nothing of what follows.
 *
 * @param leastBytes How long it is made, if it is shorter.
 */
export function specLine(task: GuestSpec, leastBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(task));
  const length = Math.max(json.length + 1, leastBytes);
  const blocks = Math.ceil(length / specBlockLength);
  const line = new Uint8Array(blocks * specBlockLength).fill(space);
  line.set(json);
  line[line.length - 1] = newline;
  return line;
}

/** More than a pipe holds: such a line is written only once its reader has begun to read it. */
export const beyondPipe = 65536 + 1;

/** In bytes; a pipe takes as much in one piece. */
export const specBlockLength = 4096;

const space = 0x20;
const newline = 0x0a;
