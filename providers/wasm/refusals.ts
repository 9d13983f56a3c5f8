import type { Container, Pod, PodSpec, Volume } from "../../k8s/types.ts";
import type { Refusal } from "../provider.ts";
import type { GuestTraits } from "./guest_traits.ts";
import { httpRefusals } from "./http_settings.ts";
import { networkRefusals } from "./network_refusals.ts";

/**
 * The fields of a pod that WASI guests in processes of the agent cannot honour.
 *
 * What asks for no more than every guest has passes: no privileges, no capabilities, the default
 * profiles, an own root. `fsGroup` passes too: where all guests are the agent's user, they may write
 * to their volumes without it.
 */
export function wasmRefusals(
  pod: Pod,
  traits: GuestTraits,
): readonly Refusal[] {
  if (pod.spec === undefined) return [];
  const { containers, initContainers = [], volumes = [] } = pod.spec;
  const { ephemeralContainers = [] } = pod.spec;
  return [
    ...networkRefusals(pod),
    ...httpRefusals(pod),
    ...podRefusals(pod.spec, traits),
    ...volumes.flatMap((volume, i) =>
      volumeRefusals(volume, `spec.volumes[${i}]`, traits)
    ),
    ...initContainers.flatMap((container, i) =>
      containerRefusals(container, `spec.initContainers[${i}]`, traits)
    ),
    ...containers.flatMap((container, i) =>
      containerRefusals(container, `spec.containers[${i}]`, traits)
    ),
    ...ephemeralContainers.flatMap((container, i) =>
      containerRefusals(container, `spec.ephemeralContainers[${i}]`, traits)
    ),
  ];
}

const noNamespaces = "WASI guests see no processes and share no namespaces";
const noLimit = "WASI guests have nothing of the kind that could be limited";
const noCpuLimit = "this machine cannot limit the CPU time of WASI guests";
const noUser = "all WASI guests run as the agent's user";

/** Fields that the types of the API do not have yet. */
interface NewerSpec {
  readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
}

function podRefusals(spec: PodSpec, traits: GuestTraits): readonly Refusal[] {
  const context = spec.securityContext ?? {};
  const { resources } = spec as NewerSpec;
  const at = "spec.securityContext";
  return collect([
    [spec.hostPID === true, "spec.hostPID", noNamespaces],
    [spec.hostIPC === true, "spec.hostIPC", noNamespaces],
    [
      spec.shareProcessNamespace === true,
      "spec.shareProcessNamespace",
      noNamespaces,
    ],
    [
      some(context.supplementalGroups) && !traits.choosesUsers,
      `${at}.supplementalGroups`,
      noUser,
    ],
    [some(context.sysctls), `${at}.sysctls`, "WASI guests have no kernel"],
    ...Object.keys(resources?.limits ?? {}).map((name): Check => [
      name !== "memory",
      `spec.resources.limits[${name}]`,
      "of all the containers of a pod together, only the memory can be limited",
    ]),
    ...userChecks(context, at, traits),
    ...profileChecks(context, at),
  ]);
}

function containerRefusals(
  container: Container,
  at: string,
  traits: GuestTraits,
): readonly Refusal[] {
  const context = container.securityContext ?? {};
  const contextAt = `${at}.securityContext`;
  const { limits = {}, requests = {} } = container.resources ?? {};
  return collect([
    [
      context.privileged === true,
      `${contextAt}.privileged`,
      "WASI guests have no privileges to raise",
    ],
    [
      some(context.capabilities?.add),
      `${contextAt}.capabilities.add`,
      "WASI guests have no capabilities",
    ],
    [
      (context.procMount ?? "Default") !== "Default",
      `${contextAt}.procMount`,
      "WASI guests have no /proc",
    ],
    ...userChecks(context, contextAt, traits),
    ...profileChecks(context, contextAt),
    [
      some(container.volumeDevices),
      `${at}.volumeDevices`,
      "WASI guests can use no devices",
    ],
    ...(container.volumeMounts ?? []).map(({ mountPropagation }, i): Check => [
      (mountPropagation ?? "None") !== "None",
      `${at}.volumeMounts[${i}].mountPropagation`,
      "WASI guests cannot mount anything",
    ]),
    [
      "stopSignal" in (container.lifecycle ?? {}),
      `${at}.lifecycle.stopSignal`,
      "WASI guests get no signals",
    ],
    ...Object.keys(limits).map((name): Check => [
      !["cpu", "memory", "ephemeral-storage"].includes(name),
      `${at}.resources.limits[${name}]`,
      noLimit,
    ]),
    ...Object.keys(limits).map((name): Check => [
      name === "cpu" && !traits.limitsCpu,
      `${at}.resources.limits[${name}]`,
      noCpuLimit,
    ]),
    ...Object.keys(requests).map((name): Check => [
      !["cpu", "memory", "ephemeral-storage"].includes(name),
      `${at}.resources.requests[${name}]`,
      "the node has no such resource for WASI guests",
    ]),
  ]);
}

function volumeRefusals(
  { emptyDir, hostPath }: Volume,
  at: string,
  { mounts }: GuestTraits,
): readonly Refusal[] {
  return collect([
    [
      !["", ...(mounts ? ["Memory"] : [])].includes(emptyDir?.medium ?? ""),
      `${at}.emptyDir.medium`,
      mounts
        ? "volumes are on the disk or in memory, without huge pages"
        : "volumes are on the disk: only root on Linux can have them in memory",
    ],
    [
      ["Socket", "CharDevice", "BlockDevice"].includes(hostPath?.type ?? ""),
      `${at}.hostPath.type`,
      "WASI guests see only directories and regular files",
    ],
  ]);
}

type Check = readonly [refused: boolean, field: string, message: string];

function userChecks(
  { runAsUser, runAsGroup, runAsNonRoot }: {
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly runAsNonRoot?: boolean;
  },
  at: string,
  { uid, gid, choosesUsers }: GuestTraits,
): readonly Check[] {
  if (choosesUsers) return [];
  return [
    [
      runAsUser !== undefined && runAsUser !== uid,
      `${at}.runAsUser`,
      `${noUser}${uid === undefined ? "" : `, ${uid}`}`,
    ],
    [
      runAsGroup !== undefined && runAsGroup !== gid,
      `${at}.runAsGroup`,
      `all WASI guests run with the agent's group${
        gid === undefined ? "" : `, ${gid}`
      }`,
    ],
    [
      runAsNonRoot === true && uid === 0,
      `${at}.runAsNonRoot`,
      `${noUser}, which is root`,
    ],
  ];
}

function profileChecks(
  context: {
    readonly seccompProfile?: { readonly type: string };
    readonly appArmorProfile?: { readonly type: string };
    readonly seLinuxOptions?: object;
    readonly windowsOptions?: object;
  },
  at: string,
): readonly Check[] {
  const message = "WASI guests make no system calls that a profile could allow";
  return [
    [
      context.seccompProfile?.type === "Localhost",
      `${at}.seccompProfile`,
      message,
    ],
    [
      context.appArmorProfile?.type === "Localhost",
      `${at}.appArmorProfile`,
      message,
    ],
    [filled(context.seLinuxOptions), `${at}.seLinuxOptions`, message],
    [filled(context.windowsOptions), `${at}.windowsOptions`, message],
  ];
}

function collect(checks: readonly Check[]): readonly Refusal[] {
  return checks.filter(([refused]) => refused)
    .map(([, field, message]) => ({ field, message }));
}

function some(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

function filled(object: object | undefined): boolean {
  return object !== undefined && Object.keys(object).length > 0;
}
