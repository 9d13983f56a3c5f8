import { connStream, writeConn } from "../async/byte_stream.ts";

/** A client certificate in files, with its key. */
interface OwnCertificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/**
 * For tests: asks a TLS server for `/pods` with somebody's certificate but with one's own key, and
 * returns all that it answers.
 *
 * Every TLS library refuses to do that, so the certificate is exchanged on its way: in TLS 1.2 it
 * is sent in the clear.
 */
export async function withStolenCertificate(
  port: number,
  own: OwnCertificate,
  stolenPem: string,
): Promise<string> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = new Deno.Command("openssl", {
    args: [
      ...["s_client", "-tls1_2", "-quiet", "-ign_eof"],
      ...["-connect", `127.0.0.1:${listener.addr.port}`],
      ...["-cert", own.certificateFile, "-key", own.keyFile],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  using near = await listener.accept();
  using far = await Deno.connect({ hostname: "127.0.0.1", port });
  const forward = (async () => {
    for await (const record of exchanged(near, pemToDer(stolenPem))) {
      await writeConn(far, record);
    }
  })().catch(() => undefined); // the server has hung up
  const back = far.readable.pipeTo(near.writable).catch(() => undefined); // so has a side
  const input = client.stdin.getWriter();
  const request = "GET /pods HTTP/1.1\r\nHost: n1\r\nConnection: close\r\n\r\n";
  await input.write(new TextEncoder().encode(request)).catch(() => undefined);
  await input.close().catch(() => undefined);
  const { stdout } = await client.output();
  await Promise.all([back, forward]);
  return new TextDecoder().decode(stdout);
}

/** The TLS records of a client, with another certificate in the message of that name. */
async function* exchanged(
  conn: Deno.Conn,
  certificate: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const stream = connStream(conn);
  let received: Uint8Array = new Uint8Array();
  let encrypted = false;
  for (;;) {
    while (received.length >= 5) {
      const end = 5 + uint(received.subarray(3, 5));
      if (received.length < end) break;
      const record = received.slice(0, end);
      received = received.slice(end);
      if (record[0] === changeCipherSpec) encrypted = true;
      yield record[0] === handshake && !encrypted
        ? withCertificate(record, certificate)
        : record;
    }
    const chunk = await stream.read();
    if (chunk === undefined) return;
    received = new Uint8Array([...received, ...chunk]);
  }
}

const changeCipherSpec = 20;
const handshake = 22;
const certificateMessage = 11;

function withCertificate(record: Uint8Array, der: Uint8Array): Uint8Array {
  const messages: number[] = [];
  for (let at = 5; at < record.length;) {
    const end = at + 4 + uint(record.subarray(at + 1, at + 4));
    if (record[at] === certificateMessage) {
      const list = [...uint24(der.length), ...der];
      const body = [...uint24(list.length), ...list];
      messages.push(certificateMessage, ...uint24(body.length), ...body);
    } else messages.push(...record.subarray(at, end));
    at = end;
  }
  const length = uint24(messages.length).slice(1);
  return new Uint8Array([...record.subarray(0, 3), ...length, ...messages]);
}

function uint(bytes: Uint8Array): number {
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

function uint24(number: number): number[] {
  return [number >> 16, (number >> 8) & 255, number & 255];
}

function pemToDer(pem: string): Uint8Array {
  const base64 = pem.replaceAll(/-----[^-]*-----|\s/g, "");
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
