import type { ByteStream } from "../../async/byte_stream.ts";

/** Reason phrases; the rest go without one, as HTTP allows. */
const reasons: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  500: "Internal Server Error",
  501: "Not Implemented",
};

/** Answers with a message as plain text, after which the connection ends. */
export async function answerText(
  stream: ByteStream,
  { status, message, headers = [] }: {
    readonly status: number;
    readonly message: string;
    readonly headers?: readonly (readonly [name: string, value: string])[];
  },
): Promise<void> {
  const body = new TextEncoder().encode(message);
  const head = responseHead(status, [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["X-Content-Type-Options", "nosniff"],
    ["Content-Length", `${body.length}`],
    ["Connection", "close"],
    ...headers,
  ]);
  const answer = new Uint8Array(head.length + body.length);
  answer.set(head);
  answer.set(body, head.length);
  await stream.write(answer);
  await stream.close();
}

/** The head of an HTTP/1.1 response; header values must be ASCII without line ends. */
export function responseHead(
  status: number,
  headers: readonly (readonly [name: string, value: string])[],
): Uint8Array {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  const first = `HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\n`;
  return new TextEncoder().encode(`${first}${lines.join("")}\r\n`);
}
