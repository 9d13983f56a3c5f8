import { messageOf } from "../async/message_of.ts";
import type { AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import type { EventSink } from "../k8s/events.ts";
import type { Pod } from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { Refusal } from "../providers/provider.ts";
import type { ContainerRuntime, VolumeSpec } from "../providers/runtime.ts";
import { containerSpec, podHostname } from "./container_start.ts";
import type { NodeView } from "./field_ref.ts";
import { ensureImage, type RecordContainerEvent } from "./images.ts";
import type { StartFailure } from "./memory.ts";
import { MountError } from "./mount_error.ts";
import type { ObjectSource } from "./objects.ts";
import type { PodAction } from "./plan.ts";
import type { DesiredPod } from "./pod_spec.ts";
import { unsupportedFields } from "./support.ts";
import { resolveVolumes } from "./volumes.ts";

const log = getLogger("pods");

/** What the engine works with. */
export interface EngineContext {
  readonly runtime: ContainerRuntime;
  /** The scheme of container IDs, such as `wasm`. */
  readonly runtimeName: string;
  readonly objects: ObjectSource;
  readonly events: EventSink;
  /** The node as it is now. */
  node(): NodeView;
  /** What the provider cannot honour of a pod. */
  refusals(pod: Pod): readonly Refusal[];
}

/** The action that starts one run of a container. */
export type StartAction = Extract<PodAction, { kind: "startContainer" }>;

/** Every field of a pod that cannot be honoured here; none for a pod that can run. */
export function podRefusals(
  pod: Pod,
  { runtime, refusals }: Pick<EngineContext, "runtime" | "refusals">,
): readonly Refusal[] {
  const hasVolumes = (pod.spec?.volumes ?? []).length > 0;
  return [
    ...unsupportedFields(pod),
    ...refusals(pod),
    ...(hasVolumes && !runtime.setVolume
      ? [{ field: "spec.volumes", message: "this provider has no volumes" }]
      : []),
  ];
}

/** Makes the pod's sandbox, unless it is there. */
export async function createSandbox(
  { runtime }: EngineContext,
  { uid, namespace, name, pod }: DesiredPod,
  options: AbortOptions,
): Promise<void> {
  await runtime.createSandbox({
    uid,
    namespace,
    name,
    labels: pod.metadata?.labels ?? {},
    annotations: pod.metadata?.annotations ?? {},
    hostname: podHostname(pod),
  }, options);
}

/** Makes all volumes of the pod, or brings them up to date. Fails with a `MountError`. */
export async function setVolumes(
  context: EngineContext,
  desired: DesiredPod,
  options: AbortOptions,
): Promise<void> {
  const { runtime, objects } = context;
  const volumes = await resolveVolumes(desired.pod, {
    objects,
    node: context.node(),
    ips: await podIps(context, desired, options),
  }, options);
  for (const volume of volumes) {
    await setVolume(runtime, desired.uid, volume, options);
  }
}

/** Starts a container; gives the failure when it cannot be started. */
export async function startContainer(
  context: EngineContext,
  desired: DesiredPod,
  { container, attempt }: StartAction,
  { record, signal }: AbortOptions & { readonly record: RecordContainerEvent },
): Promise<Omit<StartFailure, "failures"> | undefined> {
  const { runtime, objects } = context;
  try {
    const image = await ensureImage(runtime, container, record, { signal });
    const spec = await containerSpec(container, {
      desired,
      attempt,
      image,
      objects,
      node: context.node(),
      ips: await podIps(context, desired, { signal }),
    }, { signal });
    await runtime.startContainer(desired.uid, spec, { signal });
  } catch (error) {
    signal.throwIfAborted();
    const failure = startFailure(error);
    if (!(error instanceof RuntimeError)) {
      const { namespace, name } = desired;
      log.error("Cannot start container", { namespace, name, error });
    }
    const isPull = failure.reason === "ErrImagePull" ||
      failure.reason === "ErrImageNeverPull";
    record(
      "Warning",
      "Failed",
      `Error: ${isPull ? failure.reason : failure.message}`,
    );
    return failure;
  }
  record("Normal", "Created", `Created container: ${container.name}`);
  record("Normal", "Started", `Started container ${container.name}`);
  return undefined;
}

function startFailure(error: unknown): Omit<StartFailure, "failures"> {
  return {
    at: new Date(),
    reason: error instanceof RuntimeError ? error.reason : "RunContainerError",
    message: messageOf(error),
  };
}

async function setVolume(
  runtime: ContainerRuntime,
  uid: string,
  volume: VolumeSpec,
  options: AbortOptions,
): Promise<void> {
  try {
    await runtime.setVolume?.(uid, volume, options);
  } catch (error) {
    options.signal.throwIfAborted();
    const why = messageOf(error);
    throw new MountError(volume.name, why, { cause: error });
  }
}

/** The pod's addresses, or the node's where it shares them. */
async function podIps(
  { runtime, node }: EngineContext,
  { uid }: DesiredPod,
  options: AbortOptions,
): Promise<readonly string[]> {
  const { ips } = await runtime.observe(uid, options);
  return ips.length > 0 ? ips : node().ips;
}
