import { homedir } from "node:os";
import { join } from "node:path";

/** PEM texts for connections to one registry. */
export interface RegistryTrust {
  /** Authorities that count besides those of the system. */
  readonly caCerts: readonly string[];
  /** Shown to a registry that asks for it. */
  readonly client?: { readonly cert: string; readonly key: string };
}

/**
 * What Docker and Podman are told of a registry's TLS, in a directory that has its name:
 * `/etc/docker/certs.d/localhost:5000/` with `*.crt` for authorities, and `*.cert` with `*.key` for
 * a client certificate. Files of the user count before those of the machine.
 */
export async function readRegistryTrust(
  registry: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RegistryTrust> {
  const caCerts: string[] = [];
  let client: RegistryTrust["client"];
  for (const place of certificatePlaces(env)) {
    const dir = join(place, registry);
    for (const name of await namesIn(dir)) {
      const path = join(dir, name);
      if (name.endsWith(".crt")) caCerts.push(await Deno.readTextFile(path));
      if (name.endsWith(".cert") && client === undefined) {
        const key = path.replace(/cert$/, "key");
        client = {
          cert: await Deno.readTextFile(path),
          key: await Deno.readTextFile(key),
        };
      }
    }
  }
  return { caCerts, ...(client && { client }) };
}

/** Where certificates of registries are looked for, the first first. */
function certificatePlaces(
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const home = env["HOME"] || homedir();
  const config = env["XDG_CONFIG_HOME"] || join(home, ".config");
  return [
    join(config, "containers", "certs.d"),
    join(config, "docker", "certs.d"),
    "/etc/containers/certs.d",
    "/etc/docker/certs.d",
  ];
}

async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(dir)) names.push(name);
    return names.toSorted();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (error instanceof Deno.errors.NotADirectory) return [];
    // As Podman does: what is not for this user is not meant for it.
    if (error instanceof Deno.errors.PermissionDenied) return [];
    throw error;
  }
}
