import { connStream, PushbackStream } from "../../async/byte_stream.ts";
import { readResponseHead } from "../../async/http_head.ts";
import { WebSocketConnection } from "../../kubelet/streaming/websocket.ts";
import type { ApiCredentials } from "../../k8s/credentials.ts";

/** One exec session over WebSocket, through the API server. */
export class ApiExec implements Disposable {
  readonly #ws: WebSocketConnection;
  #status: string | undefined;

  private constructor(ws: WebSocketConnection) {
    this.#ws = ws;
  }

  /** Starts a command in the container `app` of a pod, with standard input. */
  static async start(
    { server, caCertificates, clientCertificate }: ApiCredentials,
    pod: string,
    command: readonly string[],
    /** Called when the connection stands and the request is sent. */
    onRequest = () => {},
  ): Promise<ApiExec> {
    const { hostname, port, host } = new URL(server);
    const conn = await Deno.connectTls({
      hostname,
      port: Number(port),
      caCerts: [...caCertificates],
      alpnProtocols: ["http/1.1"],
      cert: clientCertificate?.certificate ?? "",
      key: clientCertificate?.key ?? "",
    });
    await conn.handshake();
    onRequest();
    const stream = new PushbackStream(connStream(conn));
    const query = new URLSearchParams([
      ...["stdin", "stdout", "stderr"].map((name) => [name, "true"]),
      ["container", "app"],
      ...command.map((word) => ["command", word]),
    ]);
    const path = `/api/v1/namespaces/default/pods/${pod}/exec?${query}`;
    const head = [
      `GET ${path} HTTP/1.1`,
      `Host: ${host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${btoa(crypto.randomUUID().slice(0, 16))}`,
      "Sec-WebSocket-Protocol: v5.channel.k8s.io",
    ];
    await stream.write(
      new TextEncoder().encode(head.join("\r\n") + "\r\n\r\n"),
    );
    const answer = await readResponseHead(stream);
    if (answer?.status !== 101) {
      stream.destroy();
      throw new Error(`Cannot exec in ${pod}: ${answer?.status}`);
    }
    return new ApiExec(new WebSocketConnection(stream, { role: "client" }));
  }

  async send(text: string): Promise<void> {
    await this.#ws.write(new TextEncoder().encode(`\0${text}`));
  }

  /** Closes standard input. */
  async end(): Promise<void> {
    await this.#ws.write(new Uint8Array([255, 0]));
  }

  /** The next output, of either stream; undefined once the command has ended. */
  async read(): Promise<string | undefined> {
    for (;;) {
      const message = await this.#ws.read();
      if (message === undefined) return undefined;
      const [channel] = message.data;
      const text = new TextDecoder().decode(message.data.subarray(1));
      if (channel === 3) this.#status = JSON.parse(text).status;
      else if (text !== "") return text;
    }
  }

  /** `Success` or `Failure`, once the command has ended. */
  get status(): string | undefined {
    return this.#status;
  }

  [Symbol.dispose](): void {
    this.#ws.destroy();
  }
}
