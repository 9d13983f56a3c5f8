import type { AbortOptions } from "../async/abort.ts";
import { messageOf } from "../async/message_of.ts";
import type { RegistryCredentials } from "../providers/runtime.ts";
import type { ObjectSource } from "./objects.ts";
import type { DesiredPod } from "./pod_spec.ts";
import {
  credentialsFor,
  type KeyringEntry,
  readPullSecret,
} from "./registry_keyring.ts";

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
): Promise<readonly RegistryCredentials[]> {
  const named = (desired.pod.spec?.imagePullSecrets ?? [])
    .flatMap(({ name }) => name ? [name] : []);
  const keyring: KeyringEntry[] = [];
  const missing: string[] = [];
  for (const name of new Set(named)) {
    try {
      const secret = await objects.secret(desired, name, { signal });
      if (secret === undefined) missing.push(name);
      else keyring.push(...readPullSecret(secret));
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
  return credentialsFor(image, keyring);
}
