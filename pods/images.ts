import type { AbortOptions } from "../async/abort.ts";
import { RuntimeError } from "../providers/errors.ts";
import type {
  ContainerRuntime,
  LocalImage,
  RegistryCredentials,
} from "../providers/runtime.ts";
import type { DesiredContainer } from "./pod_spec.ts";
import { pullReports } from "./pull_progress.ts";
import { isUnreachable } from "./unreachable.ts";

/** Says what happens to a container, as an Event of its pod. */
export type RecordContainerEvent = (
  type: "Normal" | "Warning",
  reason: string,
  message: string,
) => void;

/** Options for {@linkcode ensureImage}. */
export interface ImageOptions extends AbortOptions {
  readonly runtime: Pick<ContainerRuntime, "findImage" | "pullImage">;
  readonly record: RecordContainerEvent;
  /** What opens the image's registry; asked for only when the image is fetched. */
  credentials(image: string): Promise<readonly RegistryCredentials[]>;
}

/**
 * The image of a container, fetched if its pull policy says so.
 *
 * Records the kubelet's events (Pulling, Pulled, Failed). Fails with a `RuntimeError` whose reason
 * is `ErrImagePull`, `ErrImageNeverPull` or `InvalidImageName`.
 */
export async function ensureImage(
  { image, pullPolicy }: DesiredContainer,
  { runtime, record, credentials, signal }: ImageOptions,
): Promise<LocalImage> {
  if (image === "") {
    throw new RuntimeError("InvalidImageName", "The container names no image");
  }
  if (pullPolicy !== "Always") {
    const local = await runtime.findImage(image, { signal });
    if (local !== undefined) {
      const message = `Container image "${image}" already present on machine`;
      record("Normal", "Pulled", message);
      return local;
    }
    if (pullPolicy === "Never") {
      const message =
        `Container image "${image}" is not present with pull policy of Never`;
      record("Warning", "ErrImageNeverPull", message);
      throw new RuntimeError("ErrImageNeverPull", message);
    }
  }
  record("Normal", "Pulling", `Pulling image "${image}"`);
  const begun = performance.now();
  try {
    const pulled = await runtime.pullImage(image, {
      credentials: await credentials(image),
      onProgress: pullReports(
        image,
        (message) => record("Normal", "Pulling", message),
      ),
      signal,
    });
    const took = Math.round(performance.now() - begun);
    const size = pulled.sizeBytes === undefined
      ? ""
      : ` Image size: ${pulled.sizeBytes} bytes.`;
    record(
      "Normal",
      "Pulled",
      `Successfully pulled image "${image}" in ${took}ms.${size}`,
    );
    return pulled;
  } catch (error) {
    if (
      !signal.aborted && error instanceof RuntimeError && !isUnreachable(error)
    ) {
      record(
        "Warning",
        "Failed",
        `Failed to pull image "${image}": ${error.message}`,
      );
    }
    throw error;
  }
}
