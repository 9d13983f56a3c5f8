/** For tests: an engine that answers as it is told, on a host that this machine plays. */
import { join } from "node:path";
import { type Sshd, startSshd } from "../../../tests/sshd.ts";
import { connectHost, type SshHost } from "../transport/ssh_host.ts";

/** Answers a request by its method and path, without the version of the API. */
export type FakeEngineHandler = (
  request: Request,
  path: string,
) => Response | Promise<Response>;

/** A host that this machine plays, with an engine of which only the socket is real. */
export class EngineHost implements AsyncDisposable {
  readonly sshd: Sshd;
  readonly host: SshHost;
  readonly socket: string;
  /** `GET /info` and the like, in the order of coming. */
  readonly requests: string[] = [];
  readonly #directory: string;
  #server: Deno.HttpServer | undefined;
  #handler: FakeEngineHandler = () => new Response(null, { status: 404 });

  private constructor(sshd: Sshd, host: SshHost, directory: string) {
    this.sshd = sshd;
    this.host = host;
    this.#directory = directory;
    this.socket = join(directory, "engine.sock");
  }

  static async start(
    { config = [], signal }: {
      readonly config?: readonly string[];
      readonly signal: AbortSignal;
    },
  ): Promise<EngineHost> {
    const sshd = await startSshd(config);
    const host = connectHost(sshd.target(), { signal });
    await host.connected({ signal });
    const directory = await Deno.makeTempDir({ prefix: "farlet-engine-" });
    const stage = new EngineHost(sshd, host, directory);
    stage.startEngine();
    return stage;
  }

  /** What it answers to all but `/_ping`, `/info` and `/version`. */
  answer(handler: FakeEngineHandler): void {
    this.#handler = handler;
  }

  startEngine(headers: Readonly<Record<string, string>> = podmanHeaders): void {
    this.#server = Deno.serve(
      { path: this.socket, onListen: () => undefined },
      async (request) => {
        const { pathname } = new URL(request.url);
        const path = pathname.replace(/^\/v1\.\d+/, "");
        this.requests.push(`${request.method} ${path}`);
        if (path === "/_ping") return new Response("OK", { headers });
        if (path === "/info") return Response.json({ NCPU: 4 });
        if (path === "/version") return Response.json({ Arch: "x86_64" });
        return await this.#handler(request, path);
      },
    );
  }

  /** Ends it, its connections and its socket. */
  async stopEngine(): Promise<void> {
    await this.#server?.shutdown();
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
    await this.stopEngine();
    await this.sshd[Symbol.asyncDispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** What Podman 4.3 says of itself with every ping. */
export const podmanHeaders = {
  "api-version": "1.41",
  "libpod-api-version": "4.3.1",
};
