/** For tests: a registry with one image, for whoever knows the password. */
import { createHash } from "node:crypto";
import { delay } from "../../../async/delay.ts";
import { tarBytes } from "../tar.ts";

const repository = "team/app";
/** What the files of the one layer come to. */
const contentBytes = 8 * 1024 * 1024;

/** A registry that speaks plain HTTP. */
export class TestRegistry implements AsyncDisposable {
  /** The image's name without registry. */
  readonly image = `${repository}:v1`;
  readonly username = "robot";
  readonly password = "s3cret?>~";
  /** Whether what is asked for is sent at 200 kB/s, until this is false again. */
  slow = false;
  /** Who asked for manifests: a user's name, or nobody. */
  readonly askers: string[] = [];
  readonly layerBytes: number;
  readonly #blobs = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #manifest: Uint8Array<ArrayBuffer>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #stop = new AbortController();

  /** @param hostname The address to listen on. */
  constructor(hostname: string) {
    const content = crypto.getRandomValues(new Uint8Array(65_536));
    const files = Array.from(
      { length: contentBytes / content.length },
      (_, i) =>
        ({ kind: "file", path: `f${i}`, mode: 0o644, content }) as const,
    );
    const layer = tarBytes(files);
    this.layerBytes = layer.length;
    const config = encode({
      architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
      os: "linux",
      config: { User: "4711:1" },
      rootfs: { type: "layers", diff_ids: [digest(layer)] },
    });
    this.#manifest = encode({
      schemaVersion: 2,
      mediaType: manifestType,
      config: this.#add("application/vnd.oci.image.config.v1+json", config),
      layers: [this.#add("application/vnd.oci.image.layer.v1.tar", layer)],
    });
    this.#server = Deno.serve(
      {
        hostname,
        port: 0,
        signal: this.#stop.signal,
        onListen: () => undefined,
      },
      (request) => this.#answer(request),
    );
  }

  /** As it stands in front of names. */
  get address(): string {
    const { hostname, port } = this.#server.addr;
    return `${hostname}:${port}`;
  }

  get digest(): string {
    return digest(this.#manifest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not in an orderly way: engines keep their connections.
    this.#stop.abort();
    await this.#server.finished;
  }

  #add(mediaType: string, bytes: Uint8Array<ArrayBuffer>) {
    this.#blobs.set(digest(bytes), bytes);
    return { mediaType, digest: digest(bytes), size: bytes.length };
  }

  /** A stream that stands still makes no progress, and engines tell of it each second. */
  #slowly(
    bytes: Uint8Array<ArrayBuffer>,
  ): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> {
    if (!this.slow) return bytes;
    let sent = 0;
    return new ReadableStream({
      pull: async (controller) => {
        if (this.slow) await delay(20, this.#stop);
        const end = this.slow ? sent + 4096 : bytes.length;
        controller.enqueue(bytes.slice(sent, end));
        sent = end;
        if (sent >= bytes.length) controller.close();
      },
    }, { highWaterMark: 0 });
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const basic = request.headers.get("authorization")?.replace("Basic ", "");
    const [user, password] = atob(basic ?? "").split(":");
    const asksForImage = pathname.includes("/manifests/");
    if (asksForImage) this.askers.push(user || "nobody");
    if (user !== this.username || password !== this.password) {
      return Response.json(
        { errors: [{ code: "UNAUTHORIZED", message: "who are you?" }] },
        { status: 401, headers: { "www-authenticate": 'Basic realm="test"' } },
      );
    }
    if (pathname === "/v2/") return Response.json({});
    const [, name] = /^\/v2\/team\/app\/(?:manifests|blobs)\/(.*)$/
      .exec(pathname) ?? [];
    const isManifest = asksForImage && (name === "v1" || name === this.digest);
    const bytes = isManifest ? this.#manifest : this.#blobs.get(name ?? "");
    if (bytes === undefined) {
      return Response.json(
        { errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] },
        { status: 404 },
      );
    }
    const headers = {
      "content-type": isManifest ? manifestType : "application/octet-stream",
      "content-length": String(bytes.length),
      "docker-content-digest": digest(bytes),
    };
    const body = request.method === "HEAD" ? null : this.#slowly(bytes);
    return new Response(body, { headers });
  }
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

function digest(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
