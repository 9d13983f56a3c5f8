import { messageOf } from "../async/message_of.ts";
import type { AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import type { EventSink } from "../k8s/events.ts";
import type { Pod } from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { Refusal, ServerAddress } from "../providers/provider.ts";
import type { VolumeSpec } from "../providers/container_spec.ts";
import type { ContainerRuntime, SandboxOptions } from "../providers/runtime.ts";
import type { AdmissionCheck } from "./admission.ts";
import type { AdmittedPods } from "./admitted_pods.ts";
import { containerSpec } from "./container_start.ts";
import { type ClusterDns, podDns } from "./dns.ts";
import type { NodeView } from "./field_ref.ts";
import type { ImagePulls } from "./image_pulls.ts";
import { imageVolumeRefusals, mountedImages } from "./image_volume.ts";
import {
  ensureImage,
  isImageFailure,
  type RecordContainerEvent,
} from "./images.ts";
import type { StartFailure } from "./memory.ts";
import { MountError } from "./mount_error.ts";
import type { ObjectSource } from "./objects.ts";
import { optional } from "./optional.ts";
import type { PodAction } from "./plan.ts";
import { fieldsIgnored } from "./pod_fields.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
import { pullCredentials } from "./pull_secrets.ts";
import type { Preemptor } from "./preemptor.ts";
import type { ProbeMetrics } from "./probe_metrics.ts";
import { hookRefusals } from "./hook_refusals.ts";
import { probeRefusals } from "./probe_refusals.ts";
import { checkRuntimeHandler } from "./runtime_handler.ts";
import { sandboxSpec } from "./sandbox_spec.ts";
import { unsupportedFields } from "./support.ts";
import { isUnreachable } from "./unreachable.ts";
import { resolveVolumes } from "./volumes.ts";

const log = getLogger("pods");

/** What the engine works with. */
export interface EngineContext {
  readonly runtime: ContainerRuntime;
  /** The scheme of container IDs, such as `wasm`. */
  readonly runtimeName: string;
  readonly objects: ObjectSource;
  readonly events: EventSink;
  /** Counts the probes. */
  readonly probeMetrics?: ProbeMetrics;
  /** The node as it is now. */
  node(): NodeView;
  /** What the provider cannot honour of a pod. */
  refusals(pod: Pod): readonly Refusal[];
  /** What the provider does not heed of a pod that it runs; nothing unless given. */
  ignored?(pod: Pod): readonly Refusal[];
  /** What others check of a pod before its node takes it, besides what the pod asks for. */
  readonly admission?: readonly AdmissionCheck[];
  /**
   * The cluster's DNS. Given without servers, pods that want it are warned; where it is not given,
   * containers have no use for DNS.
   */
  readonly clusterDns?: ClusterDns;
  /** Where pods find the API server instead of at its Service. */
  podApiServer?(): ServerAddress | undefined;
}

/** What the pods of one engine share. */
export interface SyncContext extends EngineContext {
  readonly pulls: ImagePulls;
  readonly admitted: AdmittedPods;
  readonly preemptor: Preemptor;
}

const noClusterDns: ClusterDns = { servers: [], domain: "cluster.local" };

/** The action that starts one run of a container. */
export type StartAction = Extract<PodAction, { kind: "startContainer" }>;

/** What of a runtime decides which fields it can honour. */
export type FieldRuntime = Pick<
  ContainerRuntime,
  "exec" | "portForward" | "dial" | "setVolume" | "setImageVolume"
>;

interface FieldContext extends Pick<EngineContext, "refusals" | "ignored"> {
  readonly runtime: FieldRuntime;
}

/** Every field of a pod that cannot be honoured here, once; none for a pod that can run. */
export function podRefusals(
  pod: Pod,
  { runtime, refusals }: FieldContext,
): readonly Refusal[] {
  const hasVolumes = (pod.spec?.volumes ?? []).length > 0;
  const all = [
    ...unsupportedFields(pod),
    ...refusals(pod),
    ...probeRefusals(pod, runtime),
    ...hookRefusals(pod, runtime),
    ...(hasVolumes && !runtime.setVolume
      ? [{ field: "spec.volumes", message: "this provider has no volumes" }]
      : []),
    ...(runtime.setImageVolume ? [] : imageVolumeRefusals(pod)),
  ];
  const fields = all.map(({ field }) => field);
  return all.filter(({ field }, index) => fields.indexOf(field) === index);
}

/** Every field of a pod that is not heeded here though the pod may run. */
export function podIgnored(
  pod: Pod,
  context: FieldContext,
): readonly Refusal[] {
  const ignored = [...fieldsIgnored(pod), ...context.ignored?.(pod) ?? []];
  if (ignored.length === 0) return [];
  const refused = new Set(podRefusals(pod, context).map(({ field }) => field));
  return ignored.filter(({ field }) => !refused.has(field));
}

/** Makes the pod's sandbox, unless it is there and works. */
export async function createSandbox(
  { runtime, objects, clusterDns = noClusterDns }: EngineContext,
  { pod }: DesiredPod,
  options: SandboxOptions,
): Promise<void> {
  await checkRuntimeHandler({ runtime, objects }, pod, options);
  const services = await objects.services("default", options);
  const spec = sandboxSpec(pod, { clusterDns, services });
  await runtime.createSandbox(spec, options);
}

/** Whether the pod gets the host's DNS though it asks for that of the cluster. */
export function lacksClusterDns(
  { clusterDns }: Pick<EngineContext, "clusterDns">,
  { pod }: DesiredPod,
): boolean {
  return clusterDns !== undefined &&
    podDns(pod, clusterDns).isClusterDnsMissing;
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

/**
 * Starts a container; gives the failure when it cannot be started. Fails itself only when aborted
 * or when the runtime cannot be reached.
 */
export async function startContainer(
  context: SyncContext,
  desired: DesiredPod,
  { container, attempt }: StartAction,
  { record, recordPod, warn, signal }: AbortOptions & {
    readonly record: RecordContainerEvent;
    /** Says what happens to images of volumes, as Events of the pod itself. */
    readonly recordPod: RecordContainerEvent;
    /** Told of pull secrets that will not help. */
    readonly warn: (message: string) => void;
  },
): Promise<Omit<StartFailure, "failures"> | undefined> {
  const { runtime, objects, pulls } = context;
  const imageOptions = {
    runtime,
    pulls,
    credentials: (image: string) =>
      pullCredentials(desired, image, { objects, warn, signal }),
    signal,
  };
  let volumeImage: string | undefined;
  try {
    for (const volume of mountedImages(desired.pod, container.spec)) {
      const { name, image } = volume;
      volumeImage = image;
      const { imageId } = await ensureImage(volume, {
        ...imageOptions,
        record: recordPod,
      });
      const wanted = { name, image, imageId };
      await runtime.setImageVolume?.(desired.uid, wanted, { signal });
    }
    volumeImage = undefined;
    const image = await ensureImage(container, { ...imageOptions, record });
    const spec = await containerSpec(container, {
      desired,
      attempt,
      image,
      objects,
      node: context.node(),
      ips: await podIps(context, desired, { signal }),
      apiServer: context.podApiServer?.(),
      readVolumeFile: (volume, path, options) =>
        runtime.readVolumeFile?.(
          { podUid: desired.uid, volume, path },
          options,
        ) ??
          Promise.resolve(undefined),
    }, { signal });
    await runtime.startContainer(desired.uid, spec, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (isUnreachable(error)) throw error;
    const failure = {
      ...startFailure(error, container),
      ...optional("volumeImage", volumeImage),
    };
    if (!(error instanceof RuntimeError)) {
      const { namespace, name } = desired;
      log.error("Cannot start container", { namespace, name, error });
    }
    // It was there before it could not be started.
    if (failure.reason === "RunContainerError") {
      record("Normal", "Created", "Container created");
    }
    const isImage = error instanceof RuntimeError && isImageFailure(error);
    const why = isImage ? failure.reason : failure.message;
    record("Warning", "Failed", `Error: ${why}`);
    return failure;
  }
  record("Normal", "Created", "Container created");
  record("Normal", "Started", "Container started");
  return undefined;
}

function startFailure(
  error: unknown,
  { image }: Pick<DesiredContainer, "image">,
): Omit<StartFailure, "failures"> {
  return {
    at: new Date(),
    image,
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
    if (isUnreachable(error)) throw error;
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
