import type { AbortOptions } from "../../../async/abort.ts";
import { RuntimeError } from "../../errors.ts";
import type { LocalImage, PulledImage, PullOptions } from "../../runtime.ts";
import type { ImageInspect } from "./api_types.ts";
import type { EngineClient } from "./engine_client.ts";
import { EngineError } from "./engine_error.ts";
import { type ImageName, parseImageName } from "../../image_name.ts";

/**
 * The image by the name of a pod, if the engine has it. A short name also finds what was built on
 * the host with Podman, which calls it `localhost/name`.
 *
 * @throws {RuntimeError} `InvalidImageName`.
 */
export async function findImage(
  engine: EngineClient,
  image: string,
  options: AbortOptions,
): Promise<LocalImage | undefined> {
  const name = parseImageName(image);
  const names = [name.full];
  if (name.short && engine.info.kind === "podman") {
    names.push(`localhost/${name.text}`);
  }
  for (const each of names) {
    const found = await engine.inspectImage(each, options);
    if (found !== undefined) return localImage(found, name);
  }
  return undefined;
}

/**
 * Fetches an image from its registry, with each of the credentials in turn until one opens it, and
 * then with none.
 *
 * @throws {RuntimeError} `InvalidImageName`, or `ErrImagePull` with what the engine says, or
 * `SignatureValidationFailed` where the host takes only signed images.
 */
export async function pullImage(
  engine: EngineClient,
  image: string,
  { credentials = [], onProgress, signal }: PullOptions & AbortOptions,
): Promise<PulledImage> {
  const name = parseImageName(image);
  const plainHttp = engine.info.kind === "podman" && isLoopback(name.registry);
  const failures: EngineError[] = [];
  for (const each of [...credentials, undefined]) {
    try {
      await engine.pullOnce({
        image: name,
        plainHttp,
        ...(each && { credentials: each }),
        ...(onProgress && { onProgress }),
      }, { signal });
      const pulled = await engine.inspectImage(name.full, { signal });
      if (pulled !== undefined) {
        return { ...localImage(pulled, name), ...(each && { opened: each }) };
      }
      throw new EngineError(`Cannot find image "${image}"`, {
        status: 404,
        engineMessage: "it was pulled, and the engine does not have it",
      });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      failures.push(error);
    }
  }
  const messages = new Set(failures.map(({ engineMessage }) => engineMessage));
  const last = failures.at(-1)?.engineMessage ?? "";
  // That nobody may is no news where somebody may, and the image is not there.
  if (messages.size > 1 && /auth|credential|denied/i.test(last)) {
    messages.delete(last);
  }
  const why = [...messages].join("; ");
  const isRejected = policyRejections.test(why);
  throw new RuntimeError(
    isRejected ? "SignatureValidationFailed" : "ErrImagePull",
    why,
    { cause: new AggregateError(failures) },
  );
}

/** Registries of the host itself need no TLS, with Docker and containerd too. */
function isLoopback(registry: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(registry);
}

/** How Podman says that the host's `policy.json` does not take an image. */
const policyRejections = /source image rejected|signature for identity/i;

function localImage(
  { Id, RepoDigests = [], Size, Config }: ImageInspect,
  { registry, repository }: ImageName,
): LocalImage {
  const names = [`${registry}/${repository}`];
  // Docker calls the images of its own registry by their short names.
  if (registry === "docker.io") {
    names.push(repository, repository.replace(/^library\//, ""));
  }
  const digest = RepoDigests.find((each) =>
    names.some((name) => each.startsWith(`${name}@`))
  );
  const user = imageUser(Config?.User ?? "");
  return {
    imageId: digest ?? Id,
    ...(Size !== undefined && { sizeBytes: Size }),
    ...(user !== undefined && { user }),
  };
}

/** From `user:group`; undefined for root by number. As in a kubelet, `root` is a name as any other. */
function imageUser(text: string): number | string | undefined {
  const [user = ""] = text.split(":");
  if (user === "" || /^0+$/.test(user)) return undefined;
  return /^\d{1,10}$/.test(user) ? Number(user) : user;
}
