import type { AbortOptions } from "../async/abort.ts";
import { messageOf } from "../async/message_of.ts";
import { formatDuration } from "../k8s/duration.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { ContainerRuntime, LocalImage } from "../providers/runtime.ts";
import type { ImagePulls } from "./image_pulls.ts";
import type { DesiredContainer } from "./pod_spec.ts";
import { pullReports } from "./pull_progress.ts";
import type { SecretCredentials } from "./pull_secrets.ts";
import { isPullFailure } from "./start_backoff.ts";
import { isUnreachable } from "./unreachable.ts";

/** Says what happens to a container, as an Event of its pod. */
export type RecordContainerEvent = (
  type: "Normal" | "Warning",
  reason: string,
  message: string,
) => void;

/** Options for {@linkcode ensureImage}. */
export interface ImageOptions extends AbortOptions {
  readonly runtime: Pick<
    ContainerRuntime,
    "findImage" | "pullImage" | "checkImageName"
  >;
  readonly pulls: ImagePulls;
  readonly record: RecordContainerEvent;
  /** What opens the image's registry; asked for only where it counts. */
  credentials(image: string): Promise<readonly SecretCredentials[]>;
}

/**
 * The image of a container, fetched if its pull policy says so, or if its pod has nothing that
 * opened the registry before.
 *
 * Records the kubelet's events (Pulling, Pulled, Failed, InspectFailed). Fails with a
 * `RuntimeError` whose reason is `ErrImagePull`, `SignatureValidationFailed`, `ErrImageNeverPull`,
 * `ImageInspectError` or `InvalidImageName`.
 */
export async function ensureImage(
  { image, pullPolicy }: Pick<DesiredContainer, "image" | "pullPolicy">,
  given: ImageOptions,
): Promise<LocalImage> {
  const options = withOneLookup(given);
  const { record, pulls, signal } = options;
  checkName(image, options);
  const begunAt = performance.now();
  if (pullPolicy !== "Always") {
    const local = await usableImage(image, options);
    if (local !== undefined) return local;
    if (pullPolicy === "Never") {
      const message =
        `Container image "${image}" is not present with pull policy of Never`;
      record("Warning", "ErrImageNeverPull", message);
      throw new RuntimeError("ErrImageNeverPull", message);
    }
  }
  record("Normal", "Pulling", `Pulling image "${image}"`);
  using turn = await pulls.turn(image, { signal });
  if (turn.waited && pullPolicy !== "Always") {
    const local = await usableImage(image, options);
    if (local !== undefined) return local;
  }
  const pulledAt = performance.now();
  try {
    const pulled = await pull(image, options);
    const now = performance.now();
    const size = pulled.sizeBytes === undefined
      ? ""
      : ` Image size: ${pulled.sizeBytes} bytes.`;
    const took = `in ${since(pulledAt, now)} (${
      since(begunAt, now)
    } including waiting).`;
    record(
      "Normal",
      "Pulled",
      `Successfully pulled image "${image}" ${took}${size}`,
    );
    return pulled;
  } catch (error) {
    if (signal.aborted || isUnreachable(error)) throw error;
    const failure = error instanceof RuntimeError
      ? error
      : new RuntimeError("ErrImagePull", messageOf(error), { cause: error });
    const why = failure.reason === "ErrImagePull"
      ? failure.message
      : `${failure.reason}: ${failure.message}`;
    record("Warning", "Failed", `Failed to pull image "${image}": ${why}`);
    if (!isPullFailure(failure.reason)) throw failure;
    throw shownFailure(image, failure);
  }

  function since(start: number, now: number): string {
    return formatDuration(Math.floor(now - start));
  }
}

/** Secrets are read once, and what is wrong with them is said once. */
function withOneLookup(options: ImageOptions): ImageOptions {
  let found: ReturnType<ImageOptions["credentials"]> | undefined;
  return {
    ...options,
    credentials: (image) => found ??= options.credentials(image),
  };
}

/** Whether it is the image that keeps a container from starting; then Events only name the reason. */
export function isImageFailure({ reason }: RuntimeError): boolean {
  return isPullFailure(reason) || reason === "ErrImageNeverPull" ||
    reason === "InvalidImageName" || reason === "ImageInspectError";
}

function checkName(
  image: string,
  { runtime, record }: Pick<ImageOptions, "runtime" | "record">,
): void {
  try {
    if (image === "") {
      throw new RuntimeError(
        "InvalidImageName",
        `Failed to apply default image tag "": couldn't parse image name "": invalid reference format`,
      );
    }
    runtime.checkImageName?.(image);
  } catch (error) {
    if (error instanceof RuntimeError) {
      record("Warning", "InspectFailed", error.message);
    }
    throw error;
  }
}

/** The image if it is here and the pod may use it as it is. */
async function usableImage(
  image: string,
  { runtime, pulls, record, credentials, signal }: ImageOptions,
): Promise<LocalImage | undefined> {
  const local = await findImage(image, { runtime, record, signal });
  if (local === undefined) return undefined;
  const secrets = async () =>
    (await credentials(image)).map(({ secret }) => secret);
  const use = { image, imageId: local.imageId };
  if (!await pulls.mayUse(use, secrets, { signal })) return undefined;
  record(
    "Normal",
    "Pulled",
    `Container image "${image}" already present on machine and can be accessed by the pod`,
  );
  return local;
}

async function findImage(
  image: string,
  { runtime, record, signal }: Pick<
    ImageOptions,
    "runtime" | "record" | "signal"
  >,
): Promise<LocalImage | undefined> {
  try {
    return await runtime.findImage(image, { signal });
  } catch (error) {
    if (signal.aborted || isUnreachable(error)) throw error;
    if (error instanceof RuntimeError) {
      if (error.reason === "InvalidImageName") {
        record("Warning", "InspectFailed", error.message);
      }
      throw error;
    }
    const message = `Failed to inspect image "${image}": ${messageOf(error)}`;
    record("Warning", "InspectFailed", message);
    throw new RuntimeError("ImageInspectError", message, { cause: error });
  }
}

async function pull(
  image: string,
  { runtime, pulls, record, credentials, signal }: ImageOptions,
): Promise<LocalImage> {
  const keys = await credentials(image);
  if (keys.length > 0) await pulls.begin(image, { signal });
  const pulled = await tryPull();
  const openedBy = keys.find((key) => key.credentials === pulled.opened);
  const openers = openedBy === undefined ? "everybody" : [openedBy.secret];
  const { imageId } = pulled;
  await pulls.end(image, { imageId, openers }, { signal });
  return pulled;

  async function tryPull() {
    try {
      return await runtime.pullImage(image, {
        credentials: keys.map(({ credentials }) => credentials),
        onProgress: pullReports(
          image,
          (message) => record("Normal", "Pulling", message),
        ),
        signal,
      });
    } catch (error) {
      // Whether it has come is not known where nobody could hear of it.
      if (!signal.aborted && !isUnreachable(error)) {
        await pulls.end(image, undefined, { signal });
      }
      throw error;
    }
  }
}

/** As the kubelet says it in the status of the container. */
function shownFailure(image: string, failure: RuntimeError): RuntimeError {
  if (failure.reason !== "SignatureValidationFailed") return failure;
  return new RuntimeError(
    failure.reason,
    `image pull failed for ${image} because the signature validation failed: ${failure.message}`,
    { cause: failure },
  );
}
