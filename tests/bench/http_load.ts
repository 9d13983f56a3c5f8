/** Asks a server on this machine over several connections until so many answers have come. */
export async function httpLoad(
  { port, path, requests, connections }: {
    readonly port: number;
    readonly path: string;
    readonly requests: number;
    readonly connections: number;
  },
): Promise<{ readonly requestsPerSecond: number }> {
  const text = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  const request = new TextEncoder().encode(text);
  let left = requests;
  const begun = performance.now();
  await Promise.all(Array.from({ length: connections }, async () => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const buffer = new Uint8Array(16 * 1024);
    while (left-- > 0) {
      await writeAll(connection, request);
      await readAnswer(connection, buffer);
    }
  }));
  const seconds = (performance.now() - begun) / 1000;
  return { requestsPerSecond: requests / seconds };
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array) {
  for (let at = 0; at < bytes.length;) {
    at += await connection.write(bytes.subarray(at));
  }
}

/** Reads one short answer; nothing is looked at but its status and its end. */
async function readAnswer(
  connection: Deno.Conn,
  buffer: Uint8Array<ArrayBuffer>,
): Promise<void> {
  let length = 0;
  while (true) {
    const count = await connection.read(buffer.subarray(length));
    if (count === null) throw new Error("The server closed the connection");
    length += count;
    const text = new TextDecoder().decode(buffer.subarray(0, length));
    const head = text.indexOf("\r\n\r\n");
    if (head < 0) continue;
    if (!text.startsWith("HTTP/1.1 200")) throw new Error(text);
    const [, size] = /^content-length: (\d+)$/im.exec(text) ?? [];
    const isWhole = size === undefined
      ? text.endsWith("\r\n0\r\n\r\n")
      : length >= head + 4 + Number(size);
    if (isWhole) return;
  }
}
