/** What a frame is (RFC 6455, 5.2). */
export const opcodes = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;
export type Opcode = (typeof opcodes)[keyof typeof opcodes];

/** The longest head of a frame, in bytes. */
export const maxHeadBytes = 14;

/** The head of a frame. */
export interface FrameHead {
  readonly kind: "frame";
  readonly opcode: Opcode;
  /** Whether a message ends with it. */
  readonly final: boolean;
  /** Bytes of its payload. */
  readonly length: number;
  /** Four bytes, if the payload is masked. */
  readonly mask: Uint8Array | undefined;
}

/** Why a connection must be closed, and the code to close it with. */
export interface Violation {
  readonly kind: "violation";
  readonly code: 1002 | 1009;
  readonly reason: string;
}

const known: readonly number[] = Object.values(opcodes);
const isControl = (opcode: number) => opcode >= opcodes.close;

/** How many bytes a head has that begins with `bytes`, of which there are two at least. */
export function headLength(bytes: Uint8Array): number {
  const { 1: second = 0 } = bytes;
  const length = second & 0x7f;
  const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
  return 2 + extended + (second & 0x80 ? 4 : 0);
}

/** Parses a whole head of {@linkcode headLength} bytes; the mask is a view of them. */
export function parseFrameHead(bytes: Uint8Array): FrameHead | Violation {
  const { 0: first = 0, 1: second = 0 } = bytes;
  const opcode = first & 0x0f;
  const final = (first & 0x80) !== 0;
  if ((first & 0x70) !== 0) return broken("a reserved bit is set");
  if (!isOpcode(opcode)) return broken(`opcode ${opcode} is reserved`);
  const short = second & 0x7f;
  if (isControl(opcode) && (short > 125 || !final)) {
    return broken("a control frame is too long or fragmented");
  }
  const length = frameLength(bytes, short);
  if (length === undefined) return broken("a length is not in its short form");
  const mask = second & 0x80 ? bytes.subarray(-4) : undefined;
  return { kind: "frame", opcode, final, length, mask };
}

/**
 * Writes a head into `target` so that it ends before `end`, where the payload begins, and returns
 * where it begins itself.
 */
export function writeFrameHead(
  target: Uint8Array,
  end: number,
  { opcode, length, mask }: Pick<FrameHead, "opcode" | "length" | "mask">,
): number {
  const size = mask === undefined ? 0 : 4;
  const extended = length < 126 ? 0 : length < 0x10000 ? 2 : 8;
  const start = end - size - extended - 2;
  target[start] = 0x80 | opcode;
  target[start + 1] = (mask === undefined ? 0 : 0x80) |
    (extended === 0 ? length : extended === 2 ? 126 : 127);
  const view = new DataView(target.buffer, target.byteOffset + start + 2);
  if (extended === 2) view.setUint16(0, length);
  if (extended === 8) view.setBigUint64(0, BigInt(length));
  if (mask !== undefined) target.set(mask, end - 4);
  return start;
}

/** Masks or unmasks `bytes` in place, word by word; the first byte goes with the key's first. */
export function applyMask(bytes: Uint8Array, mask: Uint8Array): void {
  const { buffer, byteOffset, length } = bytes;
  const lead = Math.min(length, -byteOffset & 3);
  const count = (length - lead) >> 2;
  for (let i = 0; i < lead; i++) xor(bytes, i, mask);
  for (let i = lead + count * 4; i < length; i++) xor(bytes, i, mask);
  if (count === 0) return;
  const words = new Uint32Array(buffer, byteOffset + lead, count);
  const key = maskWord(mask, lead);
  for (let i = 0; i < count; i++) words[i] = (words[i] ?? 0) ^ key;
}

function xor(bytes: Uint8Array, at: number, mask: Uint8Array): void {
  bytes[at] = (bytes[at] ?? 0) ^ (mask[at & 3] ?? 0);
}

/** The mask as a word of this machine's byte order, beginning with its byte `from`. */
function maskWord(mask: Uint8Array, from: number): number {
  const turned = Uint8Array.from(
    [0, 1, 2, 3],
    (i) => mask[(from + i) & 3] ?? 0,
  );
  return new Uint32Array(turned.buffer)[0] ?? 0;
}

function isOpcode(value: number): value is Opcode {
  return known.includes(value);
}

/** Undefined for a length that has a shorter form (RFC 6455, 5.2). */
function frameLength(bytes: Uint8Array, short: number): number | undefined {
  if (short < 126) return short;
  const view = new DataView(bytes.buffer, bytes.byteOffset + 2);
  if (short === 126) {
    const length = view.getUint16(0);
    return length < 126 ? undefined : length;
  }
  const length = Number(view.getBigUint64(0));
  return length < 0x10000 ? undefined : length;
}

function broken(reason: string): Violation {
  return { kind: "violation", code: 1002, reason };
}
