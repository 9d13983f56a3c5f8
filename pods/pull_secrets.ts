import type { AbortOptions } from "../async/abort.ts";
import { messageOf } from "../async/message_of.ts";
import type { Secret } from "../k8s/types.ts";
import type { RegistryCredentials } from "../providers/runtime.ts";
import type { PullSecret } from "./image_access.ts";
import type { ObjectSource } from "./objects.ts";
import type { DesiredPod } from "./pod_spec.ts";
import {
  credentialsFor,
  type KeyringEntry,
  readPullSecret,
} from "../providers/registry_keyring.ts";

/** What a Secret opens a registry with. */
export interface SecretCredentials {
  readonly credentials: RegistryCredentials;
  readonly secret: PullSecret;
}

/** Options for {@linkcode pullCredentials}. */
export interface PullSecretOptions extends AbortOptions {
  readonly objects: Pick<ObjectSource, "secret">;
  /** Told of what will not help the pull, as the message of an Event. */
  readonly warn: (message: string) => void;
}

/**
 * What the pod's `imagePullSecrets` open the image's registry with, the most specific first.
 *
 * A Secret that is absent or unreadable is warned of, and does without.
 */
export async function pullCredentials(
  desired: DesiredPod,
  image: string,
  { objects, warn, signal }: PullSecretOptions,
): Promise<readonly SecretCredentials[]> {
  const named = (desired.pod.spec?.imagePullSecrets ?? [])
    .flatMap(({ name }) => name ? [name] : []);
  const keyring: KeyringEntry[] = [];
  const owners = new Map<RegistryCredentials, Secret>();
  const missing: string[] = [];
  for (const name of new Set(named)) {
    try {
      const secret = await objects.secret(desired, name, { signal });
      if (secret === undefined) {
        missing.push(name);
        continue;
      }
      const entries = readPullSecret(secret);
      keyring.push(...entries);
      for (const { credentials } of entries) owners.set(credentials, secret);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TypeError) warn(messageOf(error));
      else missing.push(name);
    }
  }
  if (missing.length > 0) {
    warn(
      `Unable to retrieve some image pull secrets (${
        missing.join(", ")
      }); attempting to pull the image may not succeed.`,
    );
  }
  return await Promise.all(
    credentialsFor(image, keyring).map(async (credentials) => {
      const { name = "", namespace = desired.namespace, uid = "" } =
        owners.get(credentials)?.metadata ?? {};
      const hash = await hashOf(credentials);
      return { credentials, secret: { namespace, name, uid, hash } };
    }),
  );
}

async function hashOf(credentials: RegistryCredentials): Promise<string> {
  const fields = Object.entries(credentials).toSorted();
  const bytes = new TextEncoder().encode(JSON.stringify(fields));
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex();
}
