import type { AbortOptions } from "../async/abort.ts";
import type { Container, Pod } from "../k8s/types.ts";
import { bytes, cpuMillis } from "../k8s/quantity.ts";
import type { ContainerSpec, LocalImage } from "../providers/runtime.ts";
import { expandCommand, resolveEnvironment } from "./environment.ts";
import type { NodeView } from "./field_ref.ts";
import type { ObjectSource } from "./objects.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
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
}

/**
 * Resolves everything that the runtime needs to start a container: environment, arguments, mounts.
 *
 * Fails with a `RuntimeError` of reason `CreateContainerConfigError` when something that the
 * container refers to does not exist.
 */
export async function containerSpec(
  { name, image, spec }: DesiredContainer,
  context: StartContext,
  options: AbortOptions,
): Promise<ContainerSpec> {
  const { pod } = context.desired;
  const env = await resolveEnvironment(
    { pod, container: spec, node: context.node, ips: context.ips },
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
    stdin: spec.stdin ?? false,
    stdinOnce: spec.stdinOnce ?? false,
    tty: spec.tty ?? false,
    ...limits(spec),
    terminationMessagePath: spec.terminationMessagePath ??
      "/dev/termination-log",
  };
}

/** The pod's host name: `spec.hostname` or the pod's name, cut to what a host name may have. */
export function podHostname({ spec, metadata }: Pod): string {
  return (spec?.hostname ?? metadata?.name ?? "").slice(0, 63).replace(
    /[-.]+$/,
    "",
  );
}

function expanded(
  list: readonly string[] | undefined,
  env: Readonly<Record<string, string>>,
): readonly string[] | undefined {
  return list === undefined || list.length === 0
    ? undefined
    : expandCommand(list, env);
}

function limits(
  { resources }: Container,
): Pick<ContainerSpec, "memoryLimitBytes" | "cpuLimitMillis"> {
  const { memory, cpu } = resources?.limits ?? {};
  return {
    ...optional(
      "memoryLimitBytes",
      memory === undefined ? undefined : bytes(memory),
    ),
    ...optional(
      "cpuLimitMillis",
      cpu === undefined ? undefined : cpuMillis(cpu),
    ),
  };
}

function optional<K extends string, V>(
  key: K,
  value: V | undefined,
): { readonly [P in K]?: V } {
  return value === undefined ? {} : { [key]: value } as { [P in K]: V };
}
