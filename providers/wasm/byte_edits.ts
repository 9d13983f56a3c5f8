/** Replaces `length` bytes at `at` by others; bytes are added where the length is 0. */
export interface ByteEdit {
  readonly at: number;
  readonly length: number;
  readonly bytes: ArrayLike<number>;
}

/** A copy of the bytes with all edits made. They must be in order and not overlap. */
export function applyEdits(
  source: Uint8Array,
  edits: readonly ByteEdit[],
): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(source.length + growth(edits));
  let from = 0;
  let to = 0;
  for (const { at, length, bytes } of edits) {
    if (at < from) throw new RangeError(`Cannot edit at ${at}: edits overlap`);
    result.set(source.subarray(from, at), to);
    to += at - from;
    result.set(bytes, to);
    to += bytes.length;
    from = at + length;
  }
  result.set(source.subarray(from), to);
  return result;
}

/** By how many bytes the edits make something longer. */
export function growth(edits: readonly ByteEdit[]): number {
  return edits.reduce((sum, edit) => sum + edit.bytes.length - edit.length, 0);
}
