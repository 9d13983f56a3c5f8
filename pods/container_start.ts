import type { AbortOptions } from "../async/abort.ts";
import type { Container } from "../k8s/types.ts";
import type { ServerAddress } from "../providers/provider.ts";
import type { ContainerSpec } from "../providers/container_spec.ts";
import type { LocalImage } from "../providers/runtime.ts";
import { containerResources } from "./container_resources.ts";
import { expandCommand, resolveEnvironment } from "./environment.ts";
import type { NodeView } from "./field_ref.ts";
import type { ReadVolumeFile } from "./file_key_ref.ts";
import type { ObjectSource } from "./objects.ts";
import { optional } from "./optional.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
import { securitySettings } from "./security.ts";
import { resolveMounts } from "./volumes.ts";

/** What {@linkcode containerSpec} needs besides the container. */
export interface StartContext {
  readonly desired: DesiredPod;
  readonly attempt: number;
  readonly image: LocalImage;
  readonly objects: ObjectSource;
  readonly node: NodeView;
  /** The pod's addresses. */
  readonly ips: readonly string[];
  /** Where the pod finds the API server; at its Service unless given. */
  readonly apiServer?: ServerAddress | undefined;
  /** Reads a file of a volume of the pod; undefined where there is none. */
  readonly readVolumeFile?: ReadVolumeFile | undefined;
}

/**
 * Resolves everything that the runtime needs to start a container: environment, arguments, mounts.
 *
 * Fails with a `RuntimeError` of reason `CreateContainerConfigError` when something that the
 * container refers to does not exist.
 */
export async function containerSpec(
  container: DesiredContainer,
  context: StartContext,
  options: AbortOptions,
): Promise<ContainerSpec> {
  const { name, image, spec } = container;
  const { desired, node, ips, apiServer, readVolumeFile } = context;
  const { pod } = desired;
  const security = securitySettings(desired, container, context.image);
  const env = await resolveEnvironment(
    { pod, container: spec, node, ips, apiServer, readVolumeFile },
    context.objects,
    options,
  );
  return {
    name,
    attempt: context.attempt,
    image,
    imageId: context.image.imageId,
    ...optional("command", expanded(spec.command, env)),
    ...optional("args", expanded(spec.args, env)),
    env,
    ...optional("workingDir", spec.workingDir),
    mounts: resolveMounts(spec, pod, env),
    ...optional("containerPorts", tcpPorts(spec)),
    stdin: spec.stdin ?? false,
    stdinOnce: spec.stdinOnce ?? false,
    tty: spec.tty ?? false,
    ...containerResources(pod, spec, node),
    security,
    ...optional("targetContainer", targetContainer(spec)),
    ...optional("stopSignal", stopSignal(spec)),
    terminationMessagePath: spec.terminationMessagePath ??
      "/dev/termination-log",
  };
}

function tcpPorts(
  { ports = [] }: DesiredContainer["spec"],
): ContainerSpec["containerPorts"] {
  const tcp = ports.filter(({ protocol = "TCP" }) => protocol === "TCP");
  return tcp.length === 0 ? undefined : tcp.map(({ containerPort, name }) => ({
    port: containerPort,
    ...optional("name", name),
  }));
}

function expanded(
  list: readonly string[] | undefined,
  env: Readonly<Record<string, string>>,
): readonly string[] | undefined {
  return list === undefined || list.length === 0
    ? undefined
    : expandCommand(list, env);
}

/** `targetContainerName`: of ephemeral containers only. */
function targetContainer(spec: Container): string | undefined {
  const { targetContainerName = "" } = spec as {
    readonly targetContainerName?: string;
  };
  return targetContainerName === "" ? undefined : targetContainerName;
}

/** `lifecycle.stopSignal`: newer than the types. */
function stopSignal({ lifecycle }: Container): string | undefined {
  return (lifecycle as { readonly stopSignal?: string } | undefined)
    ?.stopSignal;
}
