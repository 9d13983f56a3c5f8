/** The bytes in front of every frame's payload. */
export const frameHeadBytes = 8;

/** What every control frame starts with: the bit that says so, and the version. */
export const controlStart = 0x8003;

/** The bits in the flags of a frame. */
export const flagBits = { fin: 1, unidirectional: 2 } as const;

/** The types of control frames that mean something here. */
export const controlTypes = {
  synStream: 1,
  synReply: 2,
  reset: 3,
  ping: 6,
  goAway: 7,
  headers: 8,
} as const;

/** Why a stream is reset: the codes of SPDY/3.1, 2.6.3, that we send. */
export const resetStatus = { protocolError: 1, refused: 3, cancel: 5 } as const;

/** A frame of SPDY/3.1; bytes in it are good until the next one is asked for. */
export type SpdyFrame =
  /** A piece of a data frame as it came in; `fin` is in the last one. */
  | {
    readonly kind: "data";
    readonly streamId: number;
    readonly bytes: Uint8Array;
    readonly fin: boolean;
  }
  | {
    readonly kind: "syn stream";
    readonly streamId: number;
    readonly block: Uint8Array;
    readonly fin: boolean;
    readonly unidirectional: boolean;
  }
  | {
    readonly kind: "syn reply" | "headers";
    readonly streamId: number;
    readonly block: Uint8Array;
    readonly fin: boolean;
  }
  | { readonly kind: "reset"; readonly streamId: number }
  | { readonly kind: "ping"; readonly id: number }
  | { readonly kind: "go away" }
  /** SETTINGS, WINDOW_UPDATE, and what nobody knows. */
  | { readonly kind: "other" };

/** The head of a data frame, its length aside. */
export interface DataHead {
  readonly streamId: number;
  readonly fin: boolean;
}

/** SYN_STREAM without priority or parent. */
export function synStreamFrame(id: number, block: Uint8Array): Uint8Array {
  return controlFrame(
    controlTypes.synStream,
    [id, 0],
    new Uint8Array(2),
    block,
  );
}

export function synReplyFrame(id: number, block: Uint8Array): Uint8Array {
  return controlFrame(controlTypes.synReply, [id], block);
}

/** RST_STREAM; `status` is one of {@linkcode resetStatus}. */
export function resetFrame(id: number, status: number): Uint8Array {
  return controlFrame(controlTypes.reset, [id, status]);
}

export function pingFrame(id: number): Uint8Array {
  return controlFrame(controlTypes.ping, [id]);
}

/** GOAWAY for no bad reason. */
export function goAwayFrame(lastStreamId: number): Uint8Array {
  return controlFrame(controlTypes.goAway, [lastStreamId, 0]);
}

/** Writes the head of a data frame with `length` bytes into `target` at `at`. */
export function putDataHead(
  target: DataView,
  at: number,
  head: DataHead & { readonly length: number },
): void {
  target.setUint32(at, head.streamId);
  target.setUint32(at + 4, head.length);
  target.setUint8(at + 4, head.fin ? flagBits.fin : 0);
}

function controlFrame(
  type: number,
  numbers: readonly number[],
  ...parts: readonly Uint8Array[]
): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0) +
    numbers.length * 4;
  const frame = new Uint8Array(frameHeadBytes + length);
  const view = new DataView(frame.buffer);
  view.setUint16(0, controlStart);
  view.setUint16(2, type);
  view.setUint32(4, length);
  let at = frameHeadBytes;
  for (const number of numbers) {
    view.setUint32(at, number);
    at += 4;
  }
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}
