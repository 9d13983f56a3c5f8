import { Buffer } from "node:buffer";
import type { WebSocketMessage } from "./websocket.ts";

/** Bytes of one of the numbered channels that share a WebSocket. */
export interface ChannelMessage {
  readonly channel: number;
  readonly bytes: Uint8Array;
}

const zero = "0".charCodeAt(0);
const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Reads a message that begins with its channel: a byte, or in the base64 protocols a character,
 * zero's and on, before the bytes in base64. Undefined for what is not of this form, which kubelets
 * drop.
 */
export function readChannelMessage(
  { data }: WebSocketMessage,
  { base64 }: { readonly base64: boolean },
): ChannelMessage | undefined {
  const [first] = data;
  if (first === undefined) return undefined;
  const bytes = data.subarray(1);
  if (!base64) return { channel: first, bytes };
  const text = new TextDecoder("latin1").decode(bytes);
  if (text.length % 4 !== 0 || !base64Pattern.test(text)) return undefined;
  return { channel: first - zero, bytes: Buffer.from(text, "base64") };
}

/** The message that {@linkcode readChannelMessage} reads; the bytes are copied. */
export function channelMessage(
  { channel, bytes }: ChannelMessage,
  { base64 }: { readonly base64: boolean },
): WebSocketMessage {
  if (base64) {
    const { buffer, byteOffset, length } = bytes;
    const text = Buffer.from(buffer, byteOffset, length).toString("base64");
    const data = new TextEncoder().encode(
      String.fromCharCode(zero + channel) + text,
    );
    return { kind: "text", data };
  }
  const data = new Uint8Array(bytes.length + 1);
  data[0] = channel;
  data.set(bytes, 1);
  return { kind: "binary", data };
}
