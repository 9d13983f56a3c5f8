import { homedir } from "node:os";
import { join } from "node:path";
import type { AbortOptions } from "../../../async/abort.ts";
import { Deadline } from "../../../async/deadline.ts";
import { getLogger } from "../../../async/log.ts";
import { messageOf } from "../../../async/message_of.ts";
import type { ImageName } from "../../image_name.ts";
import {
  credentialsFor,
  type KeyringEntry,
  readDockerConfig,
} from "../../registry_keyring.ts";
import type { RegistryCredentials } from "../../runtime.ts";

/** Options for {@linkcode userCredentials}. */
export interface UserCredentialsOptions extends AbortOptions {
  /** The agent's environment; where the files are is read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const helperTimeout = 30_000;
const log = getLogger("wasm");

/**
 * What this machine's user opens an image's registry with: by `docker login`, `podman login`, or a
 * credential helper. A file or helper that is of no use is warned of, and done without.
 */
export async function userCredentials(
  name: ImageName,
  { env, signal }: UserCredentialsOptions,
): Promise<readonly RegistryCredentials[]> {
  const found: RegistryCredentials[] = [];
  for (const path of dockerConfigFiles(env)) {
    try {
      const text = await readText(path);
      if (text === undefined) continue;
      const { entries, helperOf } = readConfig(text);
      const helper = helperOf(name.registry);
      if (helper !== undefined) {
        found.push(...await helped(helper, name.registry, { env, signal }));
      }
      found.push(...credentialsFor(name.full, entries));
    } catch (error) {
      signal.throwIfAborted();
      log.warn("Cannot use a registry configuration", {
        path,
        // What is wrong with the text would be told by quoting it.
        error: error instanceof SyntaxError
          ? "it is not JSON"
          : messageOf(error),
      });
    }
  }
  return found;
}

/** What a helper knows; nothing where it is of no use. */
async function helped(
  helper: string,
  registry: string,
  options: UserCredentialsOptions,
): Promise<readonly RegistryCredentials[]> {
  try {
    const credentials = await askHelper(helper, registry, options);
    return credentials === undefined ? [] : [credentials];
  } catch (error) {
    options.signal.throwIfAborted();
    log.warn("Cannot use a credential helper", {
      helper,
      // What is wrong with its answer would be told by quoting it.
      error: error instanceof SyntaxError
        ? "its answer is not JSON"
        : messageOf(error),
    });
    return [];
  }
}

/** Where Docker and Podman keep what opens registries, for the user of this process. */
export function dockerConfigFiles(
  env: UserCredentialsOptions["env"],
): readonly string[] {
  const home = env["HOME"] || homedir();
  const config = env["XDG_CONFIG_HOME"] || join(home, ".config");
  const run = env["XDG_RUNTIME_DIR"];
  return [
    join(env["DOCKER_CONFIG"] || join(home, ".docker"), "config.json"),
    ...(env["REGISTRY_AUTH_FILE"]
      ? [env["REGISTRY_AUTH_FILE"]]
      : run
      ? [join(run, "containers", "auth.json")]
      : []),
    join(config, "containers", "auth.json"),
  ];
}

function readConfig(text: string): {
  readonly entries: readonly KeyringEntry[];
  readonly helperOf: (registry: string) => string | undefined;
} {
  const entries = readDockerConfig(text);
  const { credHelpers, credsStore } = JSON.parse(text);
  return {
    entries,
    helperOf(registry) {
      const key = serverOf(registry);
      const own: unknown = credHelpers?.[registry] ?? credHelpers?.[key];
      const name = own ?? credsStore;
      return typeof name === "string" && name !== "" ? name : undefined;
    },
  };
}

/** What `docker login` names Docker Hub. */
function serverOf(registry: string): string {
  return registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
}

/** As of https://github.com/docker/docker-credential-helpers; undefined where it knows nothing. */
async function askHelper(
  helper: string,
  registry: string,
  { env, signal }: UserCredentialsOptions,
): Promise<RegistryCredentials | undefined> {
  if (!/^[\w][\w.-]*$/.test(helper)) {
    throw new TypeError(`"${helper}" is no name of a credential helper`);
  }
  using deadline = new Deadline(helperTimeout, { signal });
  const child = new Deno.Command(`docker-credential-${helper}`, {
    args: ["get"],
    env: Object.fromEntries(
      Object.entries(env).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, value]]
      ),
    ),
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    signal: deadline.signal,
  }).spawn();
  const writer = child.stdin.getWriter();
  // A helper that reads nothing says so by how it ends.
  await writer.write(new TextEncoder().encode(`${serverOf(registry)}\n`))
    .then(() => writer.close()).catch(() => undefined);
  const { success, stdout } = await child.output();
  if (!success) return undefined;
  const { Username, Secret } = JSON.parse(new TextDecoder().decode(stdout));
  if (typeof Secret !== "string" || typeof Username !== "string") {
    return undefined;
  }
  return Username === "<token>"
    ? { kind: "identityToken", token: Secret }
    : { kind: "password", username: Username, password: Secret };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}
