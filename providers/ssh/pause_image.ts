import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { abortable, type AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { getLogger } from "../../async/log.ts";
import { packedPrograms, type PauseArchitecture } from "./pause/programs.ts";
import { tarBytes } from "./tar.ts";

/**
 * The repository of the pause image. No registry has it, so that nobody can put something else in
 * its place; the tag tells its content.
 */
export const pauseRepository = "localhost/farlet-pause";

/** What {@linkcode PauseImage} uses of an engine. */
export interface PauseEngine {
  /** As `uname -m` or as Go says it: `x86_64` or `amd64`. */
  readonly info: { readonly arch: string };
  /** Undefined when there is no such image. */
  inspectImage(name: string, options: AbortOptions): Promise<unknown>;
  loadImage(
    archive: ReadableStream<Uint8Array>,
    options: AbortOptions,
  ): Promise<unknown>;
}

/** An image that is made here. */
export interface BuiltImage {
  /** Under which engines know it once it is loaded. */
  readonly name: string;
  /** As `docker save` writes it. */
  readonly archive: Uint8Array<ArrayBuffer>;
}

/** Milliseconds until the image must be there; it is 20 kB. */
const loadTimeout = 60_000;

/** The image of sandboxes on one engine: loaded from farlet itself, never from a registry. */
export class PauseImage {
  readonly #engine: PauseEngine;
  #loaded: Promise<string> | undefined;

  constructor(engine: PauseEngine) {
    this.#engine = engine;
  }

  /**
   * The name of the image, which the engine has then. Asks the engine only once, until
   * {@linkcode forget} is called or it fails.
   */
  ensure(options: AbortOptions): Promise<string> {
    if (this.#loaded === undefined) {
      const loaded = this.#ensure();
      this.#loaded = loaded;
      loaded.catch(() => {
        if (this.#loaded === loaded) this.forget();
      });
    }
    return abortable(this.#loaded, options);
  }

  /** Makes the next {@linkcode ensure} look again: for who was told that there is no such image. */
  forget(): void {
    this.#loaded = undefined;
  }

  async #ensure(): Promise<string> {
    // Shared by all who ask, and so ended by none of them.
    using deadline = new Deadline(loadTimeout, new AbortController());
    const { name, archive } = pauseImage(
      pauseArchitecture(this.#engine.info.arch),
    );
    if (await this.#has(name, deadline)) return name;
    await this.#engine.loadImage(ReadableStream.from([archive]), deadline);
    if (!await this.#has(name, deadline)) {
      throw new Error(
        `Cannot load the pause image: the engine does not know "${name}"`,
      );
    }
    getLogger("ssh").debug("Loaded the pause image", { name });
    return name;
  }

  async #has(name: string, options: AbortOptions): Promise<boolean> {
    return await this.#engine.inspectImage(name, options) !== undefined;
  }
}

/** The architecture for which the image is made, from what a host says of itself. */
export function pauseArchitecture(architecture: string): PauseArchitecture {
  switch (architecture) {
    case "amd64":
    case "x86_64":
      return "amd64";
    case "arm64":
    case "aarch64":
      return "arm64";
    case "riscv64":
      return "riscv64";
  }
  if (/^arm(v[678].*|hf)?$/.test(architecture)) return "arm";
  throw new Error(
    `Cannot run pods on "${architecture}": farlet has a pause program for amd64, arm64, arm (v6 and later) and riscv64`,
  );
}

/** The program of the pause image: a static ELF file. */
export function pauseBinary(architecture: PauseArchitecture): Uint8Array {
  return inflateRawSync(Buffer.from(packedPrograms[architecture], "base64"));
}

/** Makes the image: always the same bytes, so that its name is that of its content. */
export function pauseImage(architecture: PauseArchitecture): BuiltImage {
  const program = pauseBinary(architecture);
  const layer = tarBytes([
    { kind: "file", path: "pause", mode: 0o755, content: program },
  ]);
  const created = new Date(0).toISOString();
  const config = encodeJson({
    architecture,
    ...(architecture === "arm" ? { variant: "v6" } : {}),
    os: "linux",
    created,
    config: { Entrypoint: ["/pause"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created, created_by: "farlet" }],
  });
  const id = sha256(config);
  const name = `${pauseRepository}:${id.slice(0, 16)}`;
  const manifest = [{
    Config: `${id}.json`,
    RepoTags: [name],
    Layers: ["layer.tar"],
  }];
  const files: readonly (readonly [string, Uint8Array])[] = [
    [`${id}.json`, config],
    ["layer.tar", layer],
    ["manifest.json", encodeJson(manifest)],
  ];
  const archive = tarBytes(
    files.map(([path, content]) => ({
      kind: "file",
      path,
      mode: 0o644,
      content,
    })),
  );
  return { name, archive };
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
