import type { AbortOptions } from "../../async/abort.ts";
import { messageOf } from "../../async/message_of.ts";
import { RuntimeError } from "../errors.ts";
import { type ImageName, parseImageName } from "../image_name.ts";
import type { PulledImage, PullOptions } from "../runtime.ts";
import type { ModuleStore } from "./modules.ts";
import { importImage } from "./image_import.ts";
import { userCredentials } from "./registry/docker_config.ts";
import { RegistryClient } from "./registry/registry_client.ts";
import { RegistryError } from "./registry/registry_error.ts";
import { readRegistryTrust } from "./registry/registry_trust.ts";

/** Options for {@linkcode pullImage}. */
export interface ImagePullOptions extends PullOptions, AbortOptions {
  readonly store: ModuleStore;
  /** The environment that says where the user's registry credentials are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Registries, such as `registry.lan:5000`, that may do without TLS; none by default. */
  readonly insecureRegistries?: readonly string[];
}

/**
 * Fetches an image from its registry into the store: with each of the credentials in turn, then
 * with those of this machine's user, then with none.
 *
 * @throws {RuntimeError} `InvalidImageName`, or `ErrImagePull` with what the registry says.
 */
export async function pullImage(
  image: string,
  options: ImagePullOptions,
): Promise<PulledImage> {
  const name = parseImageName(image);
  try {
    return await pullNamed(name, options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof RuntimeError) throw error;
    throw pullError(name, messageOf(error), error);
  }
}

async function pullNamed(
  name: ImageName,
  {
    credentials = [],
    store,
    env,
    insecureRegistries = [],
    onProgress,
    signal,
  }: ImagePullOptions,
): Promise<PulledImage> {
  const own = await userCredentials(name, { env, signal });
  const insecure = insecureRegistries.includes(name.registry);
  using trusted = await trustedClient(name, env);
  const failures: RegistryError[] = [];
  for (const each of [...credentials, ...own, undefined]) {
    const client = new RegistryClient(name, {
      insecure,
      ...(trusted && { client: trusted }),
      ...(each && { credentials: each }),
    });
    try {
      const { digest, content } = await importImage(
        name.digest ?? name.tag ?? "latest",
        {
          source: client,
          store: store.content,
          ...(onProgress && { onProgress }),
          signal,
        },
      );
      const imageId = `${name.registry}/${name.repository}@${digest}`;
      const pulled = { imageId, at: new Date().toISOString() };
      // First, so that a tag that moves on leaves its image behind whole.
      await store.put(parseImageName(imageId), { ...content, pulled });
      if (name.digest === undefined) {
        await store.put(name, { ...content, pulled });
      }
      const opened = client.challenged && each && credentials.includes(each);
      return {
        imageId,
        sizeBytes: content.sizeBytes,
        ...(opened && { opened: each }),
      };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryError) || !error.refused) throw error;
      failures.push(error);
      if (client.challenged || error.message.startsWith("unauth")) continue;
      // Nobody was asked for credentials: others change nothing.
      break;
    }
  }
  throw pullError(name, whyRefused(failures), new AggregateError(failures));
}

/** For a registry of whose TLS this machine is told something; undefined for all others. */
async function trustedClient(
  { registry }: ImageName,
  env: ImagePullOptions["env"],
): Promise<Deno.HttpClient | undefined> {
  const { caCerts, client } = await readRegistryTrust(registry, env);
  if (caCerts.length === 0 && client === undefined) return undefined;
  const options = { caCerts: [...caCerts] };
  return client === undefined
    ? Deno.createHttpClient(options)
    : Deno.createHttpClient({ ...options, ...client });
}

/** That nobody may is no news where somebody may, and the image is not there. */
function whyRefused(failures: readonly RegistryError[]): string {
  const messages = new Set(failures.map(({ message }) => message));
  const last = failures.at(-1)?.message ?? "";
  if (messages.size > 1 && last.startsWith("unauth")) messages.delete(last);
  return [...messages].join("; ");
}

function pullError(
  { full }: ImageName,
  why: string,
  cause: unknown,
): RuntimeError {
  // It goes into the pod's status, and a registry may have written it.
  const told = why.length > mostToTell ? `${why.slice(0, mostToTell)}…` : why;
  return new RuntimeError("ErrImagePull", `Cannot pull "${full}": ${told}`, {
    cause,
  });
}

const mostToTell = 1_000;
