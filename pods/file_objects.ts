import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import {
  type ConfigMap,
  type KubernetesObject,
  objectName,
  type Pod,
  type Secret,
  type Service,
} from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { PodIdentity } from "../providers/runtime.ts";
import { decodeBase64, encodeBase64 } from "../k8s/object_content.ts";
import type {
  ObjectSource,
  ServiceAccountToken,
  TokenOptions,
} from "./objects.ts";

/**
 * The ConfigMaps and Secrets of manifests, for pods without a cluster.
 *
 * They never change, there are no Services, and nobody gives out tokens. Objects without a
 * namespace are in `default`; of two with one name the later counts. `stringData` is merged into
 * `data`; a Secret whose data is not base64 is a TypeError.
 */
export class FileObjects implements ObjectSource {
  readonly #configMaps: ReadonlyMap<string, ConfigMap>;
  readonly #secrets: ReadonlyMap<string, Secret>;

  constructor(
    { configMaps, secrets }: {
      readonly configMaps: readonly ConfigMap[];
      readonly secrets: readonly Secret[];
    },
  ) {
    this.#configMaps = new Map(
      configMaps.map((object) => [keyOf(object), object]),
    );
    this.#secrets = new Map(
      secrets.map((object) => [keyOf(object), mergedSecret(object)]),
    );
  }

  configMap(
    { namespace }: PodIdentity,
    name: string,
  ): Promise<ConfigMap | undefined> {
    return Promise.resolve(this.#configMaps.get(`${namespace}/${name}`));
  }

  secret(
    { namespace }: PodIdentity,
    name: string,
  ): Promise<Secret | undefined> {
    return Promise.resolve(this.#secrets.get(`${namespace}/${name}`));
  }

  services(): Promise<readonly Service[]> {
    return Promise.resolve([]);
  }

  /** Rejects with a `RuntimeError`: a token comes from a cluster only. */
  serviceAccountToken(
    pod: Pod,
    _token: TokenOptions,
  ): Promise<ServiceAccountToken> {
    return Promise.reject(
      new RuntimeError(
        "CreateContainerConfigError",
        `Cannot make a token for pod ${objectName(pod)}: ` +
          "spec.volumes[].projected.sources[].serviceAccountToken needs a cluster",
      ),
    );
  }

  changes(options: AbortOptions): AsyncGenerator<string> {
    return new ChangeFeed<string>().changes(options);
  }

  /** Does nothing: the manifests stay in memory. */
  release(): void {}
}

function keyOf({ metadata }: KubernetesObject): string {
  return `${metadata?.namespace ?? "default"}/${metadata?.name}`;
}

function mergedSecret({ stringData = {}, ...secret }: Secret): Secret {
  const data = { ...secret.data };
  for (const [key, value] of Object.entries(data)) {
    try {
      decodeBase64(value);
    } catch (error) {
      throw new TypeError(
        `Cannot read Secret ${
          keyOf(secret)
        }: data.${key} is not base64 (use stringData for text)`,
        { cause: error },
      );
    }
  }
  for (const [key, value] of Object.entries(stringData)) {
    data[key] = encodeBase64(value);
  }
  return { ...secret, data };
}
