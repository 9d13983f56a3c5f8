/** How images get into an engine. */
import * as z from "zod";
import { Buffer } from "node:buffer";
import type { AbortOptions } from "../../../async/abort.ts";
import type { PullProgress, RegistryCredentials } from "../../runtime.ts";
import type { EngineApi } from "./engine_api.ts";
import { EngineError } from "./engine_error.ts";
import type { ImageName } from "../../image_name.ts";
import { jsonLines } from "./json_lines.ts";

/** One attempt to get an image. */
export interface PullRequest {
  readonly image: ImageName;
  /** The registry is asked as nobody unless given. */
  readonly credentials?: RegistryCredentials;
  /**
   * Whether the registry may speak plain HTTP, which only Podman must be told; it tells of no
   * progress then.
   */
  readonly plainHttp?: boolean;
  /** Told whenever the engine tells. */
  readonly onProgress?: (progress: PullProgress) => void;
}

/** Images have 127 at most; an engine that tells of more without end must not fill the memory. */
const mostLayers = 1_000;

/** A line of the answer to what takes long. */
const message = z.looseObject({
  id: z.string().nullish(),
  status: z.string().nullish(),
  error: z.string().nullish(),
  errorDetail: z.looseObject({ message: z.string().nullish() }).nullish(),
  progressDetail: z.looseObject({
    current: z.number().nullish(),
    total: z.number().nullish(),
  }).nullish(),
});

/** Where the API has an image, by name or ID: the slashes of names stand for themselves. */
export function imagePath(name: string): string {
  return `/images/${encodeURIComponent(name).replaceAll("%2F", "/")}`;
}

/** As `EngineClient.pullOnce()`. */
export async function pullOnce(
  api: EngineApi,
  { image, credentials, plainHttp = false, onProgress }: PullRequest,
  { signal }: AbortOptions,
): Promise<void> {
  const { registry, repository, tag, digest, full } = image;
  const source = plainHttp
    ? {
      path: "/libpod/images/pull",
      query: { reference: full, tlsVerify: false },
    }
    : {
      path: "/images/create",
      query: { fromImage: `${registry}/${repository}`, tag: digest ?? tag },
    };
  const what = `pull image "${image.text}"`;
  const body = await api.stream({
    what,
    method: "POST",
    ...source,
    ...(credentials && {
      headers: { "x-registry-auth": registryAuth(credentials, registry) },
    }),
    repeatable: true,
  }, { signal });
  const layers = new Map<string, PullProgress>();
  for await (const line of messages(body, what)) {
    const layer = layerProgress(line, layers);
    if (layer === undefined || layers.size > mostLayers) continue;
    layers.set(layer.id, layer);
    onProgress?.(sum(layers.values()));
  }
}

/** As `EngineClient.loadImage()`. */
export async function loadImage(
  api: EngineApi,
  archive: ReadableStream<Uint8Array>,
  { signal }: AbortOptions,
): Promise<void> {
  const what = "load an image";
  const body = await api.stream({
    what,
    method: "POST",
    path: "/images/load",
    query: { quiet: true },
    body: archive,
  }, { signal });
  for await (const _ of messages(body, what)) {
    // Only its failure tells something.
  }
}

type Message = z.infer<typeof message>;

/** The lines of an answer; throws the error that one of them is. */
async function* messages(
  body: ReadableStream<Uint8Array>,
  what: string,
): AsyncGenerator<Message> {
  for await (const value of jsonLines(body)) {
    const line = message.parse(value);
    const error = line.errorDetail?.message || line.error;
    if (error) {
      throw new EngineError(`Cannot ${what}`, {
        status: 500,
        engineMessage: error.trim(),
      });
    }
    yield line;
  }
}

/** How far the layer is that a line tells of; undefined for one that tells of none. */
function layerProgress(
  { id, status, progressDetail }: Message,
  known: ReadonlyMap<string, PullProgress>,
): (PullProgress & { readonly id: string }) | undefined {
  if (!id) return undefined;
  const before = known.get(id) ?? { doneBytes: 0, totalBytes: 0 };
  switch (status) {
    case "Pulling fs layer":
    case "Downloading": {
      const { current, total } = progressDetail ?? {};
      const totalBytes = total ?? before.totalBytes;
      return { id, doneBytes: current ?? before.doneBytes, totalBytes };
    }
    case "Download complete":
    case "Pull complete":
      // Later lines count what is unpacked, which is another size.
      return { id, ...before, doneBytes: before.totalBytes };
    default:
      return undefined;
  }
}

function sum(layers: Iterable<PullProgress>): PullProgress {
  let doneBytes = 0;
  let totalBytes = 0;
  for (const layer of layers) {
    doneBytes += layer.doneBytes;
    totalBytes += layer.totalBytes;
  }
  return { doneBytes, totalBytes };
}

/** Base64url with its padding: without, Docker ignores the header and Podman refuses it. */
function registryAuth(
  credentials: RegistryCredentials,
  registry: string,
): string {
  const serveraddress = registry === "docker.io"
    ? "https://index.docker.io/v1/"
    : registry;
  const text = JSON.stringify({ ...authFields(credentials), serveraddress });
  return Buffer.from(text).toString("base64")
    .replaceAll("+", "-").replaceAll("/", "_");
}

function authFields(
  credentials: RegistryCredentials,
): Readonly<Record<string, string>> {
  switch (credentials.kind) {
    case "password": {
      const { username, password } = credentials;
      return { username, password };
    }
    case "identityToken":
      return { identitytoken: credentials.token };
    case "registryToken":
      return { registrytoken: credentials.token };
  }
}
