import type { Container, Pod, PodSpec, Volume } from "../../k8s/types.ts";
import type { Refusal } from "../provider.ts";
import { allowedSysctl, dottedSysctl } from "../sysctls.ts";
import type { ImageMounting } from "./image_volumes.ts";

/** What of a host and its engine decides what pods can have there. */
export interface HostTraits {
  /** Whether the engine runs without root. */
  readonly rootless: boolean;
  readonly cgroupVersion: 1 | 2;
  /** Whether farlet may mount file systems there. */
  readonly mounts: boolean;
  /** What of images the engine can mount; all unless given. */
  readonly images?: ImageMounting;
  /** The first port that everybody may listen on; 1024 unless given. */
  readonly unprivilegedPortStart?: number;
}

/**
 * The fields of a pod that Docker or Podman on a host cannot honour.
 *
 * What the engine may refuse itself, since it depends on the host's kernel or its configuration,
 * passes: a container that cannot be created says why. While `traits` are not known, what depends
 * on them passes too.
 */
export function sshRefusals(
  pod: Pod,
  traits: HostTraits | undefined,
  { allowedUnsafeSysctls = [] }: {
    /** Kernel parameters that pods may set though they are not safe; `*` ends a pattern. */
    readonly allowedUnsafeSysctls?: readonly string[] | undefined;
  } = {},
): readonly Refusal[] {
  if (pod.spec === undefined) return [];
  const { containers, initContainers = [], volumes = [] } = pod.spec;
  const { ephemeralContainers = [] } = pod.spec;
  return [
    ...podRefusals(pod.spec, allowedUnsafeSysctls),
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
    ...imageRefusals(pod.spec, traits),
  ];
}

const noWindows = "the host runs Linux";

/** Fields that the types of the API do not have yet. */
interface NewerContext {
  readonly supplementalGroupsPolicy?: string;
}

function podRefusals(
  spec: PodSpec,
  unsafeSysctls: readonly string[],
): readonly Refusal[] {
  const context = spec.securityContext ?? {};
  const { supplementalGroupsPolicy = "Merge" } = context as NewerContext;
  const at = "spec.securityContext";
  return collect([
    [(spec.os?.name ?? "linux") !== "linux", "spec.os.name", noWindows],
    [
      spec.hostUsers === false,
      "spec.hostUsers",
      "the engine maps the users of all containers in the same way",
    ],
    [
      supplementalGroupsPolicy !== "Merge",
      `${at}.supplementalGroupsPolicy`,
      "engines always give a user the groups that the image has for it",
    ],
    ...(context.sysctls ?? []).flatMap(({ name }, i) =>
      sysctlChecks(dottedSysctl(name), spec, {
        unsafeSysctls,
        at: `${at}.sysctls[${i}].name`,
      })
    ),
  ]);
}

function sysctlChecks(
  name: string,
  { hostNetwork, hostIPC }: PodSpec,
  { unsafeSysctls, at }: {
    readonly unsafeSysctls: readonly string[];
    readonly at: string;
  },
): readonly Check[] {
  return [
    [
      allowedSysctl(name, unsafeSysctls) === undefined,
      at,
      `"${name}" is not safe: it could harm the other pods of the host`,
    ],
    [
      hostNetwork === true && name.startsWith("net."),
      at,
      `"${name}" belongs to the host, whose network the pod has`,
    ],
    [
      hostIPC === true && /^(kernel|fs)\./.test(name),
      at,
      `"${name}" belongs to the host, whose IPC namespace the pod has`,
    ],
  ];
}

function containerRefusals(
  container: Container,
  at: string,
  traits: HostTraits | undefined,
): readonly Refusal[] {
  const context = container.securityContext ?? {};
  const contextAt = `${at}.securityContext`;
  const rootless = traits?.rootless === true;
  return collect([
    [
      context.privileged === true && rootless,
      `${contextAt}.privileged`,
      "a rootless engine has no privileges of the host to give",
    ],
    [
      (context.procMount ?? "Default") !== "Default",
      `${contextAt}.procMount`,
      "engines always hide the parts of /proc that could harm the host",
    ],
    ...portChecks(container, at, traits),
    ...mountChecks(container, at, rootless),
    ...resourceChecks(container, `${at}.resources`, traits),
  ]);
}

function portChecks(
  { ports = [] }: Container,
  at: string,
  traits: HostTraits | undefined,
): readonly Check[] {
  if (traits?.rootless !== true) return [];
  const { unprivilegedPortStart = 1024 } = traits;
  return ports.map(({ hostPort = 0 }, i) => [
    hostPort > 0 && hostPort < unprivilegedPortStart,
    `${at}.ports[${i}].hostPort`,
    `a rootless engine may not listen on ports below ${unprivilegedPortStart}`,
  ]);
}

function mountChecks(
  { volumeMounts = [], securityContext = {} }: Container,
  at: string,
  rootless: boolean,
): readonly Check[] {
  return volumeMounts.flatMap((
    { mountPropagation, recursiveReadOnly = "Disabled" },
    i,
  ): readonly Check[] => [
    [
      mountPropagation === "Bidirectional" &&
      (rootless || securityContext.privileged !== true),
      `${at}.volumeMounts[${i}].mountPropagation`,
      "only privileged containers can mount anything on the host",
    ],
    [
      !["Disabled", "IfPossible"].includes(recursiveReadOnly),
      `${at}.volumeMounts[${i}].recursiveReadOnly`,
      "not every engine can make what is mounted below read-only too",
    ],
  ]);
}

function resourceChecks(
  { resources: { limits = {}, requests = {} } = {} }: Container,
  at: string,
  traits: HostTraits | undefined,
): readonly Check[] {
  const known = ["cpu", "memory", "ephemeral-storage"];
  // https://docs.podman.io/en/v4.3/markdown/podman-run.1.html: "not supported on cgroups V1 rootless".
  const unlimited = traits?.rootless === true && traits.cgroupVersion === 1;
  return [
    ...Object.keys(limits).flatMap((name): readonly Check[] => [
      [!known.includes(name), `${at}.limits[${name}]`, unknownResource(name)],
      [
        unlimited && (name === "cpu" || name === "memory"),
        `${at}.limits[${name}]`,
        "a rootless engine can limit nothing with version 1 of control groups",
      ],
    ]),
    ...Object.keys(requests).map((name): Check => [
      !known.includes(name) && !(name in limits),
      `${at}.requests[${name}]`,
      unknownResource(name),
    ]),
  ];
}

/** Volumes that are images, and the paths in them that containers mount. */
function imageRefusals(
  { volumes = [], ...spec }: PodSpec,
  { images = "paths" }: Pick<HostTraits, "images"> = {},
): readonly Refusal[] {
  const names = new Set(
    volumes.filter((volume) => "image" in volume).map(({ name }) => name),
  );
  if (images === "none") {
    return volumes.flatMap(({ name }, i) =>
      names.has(name)
        ? [{ field: `spec.volumes[${i}].image`, message: noImageMounts }]
        : []
    );
  }
  if (images === "paths") return [];
  const lists = [
    "initContainers",
    "containers",
    "ephemeralContainers",
  ] as const;
  return lists.flatMap((list) =>
    (spec[list] ?? []).flatMap(({ volumeMounts = [] }, i) =>
      volumeMounts.flatMap((mount, j) => {
        const field = mount.subPath ? "subPath" : "subPathExpr";
        if (!names.has(mount.name) || !mount[field]) return [];
        const at = `spec.${list}[${i}].volumeMounts[${j}]`;
        return [{ field: `${at}.${field}`, message: noImagePaths }];
      })
    )
  );
}

const noImageMounts =
  "the host's engine cannot mount images: update it to Docker 28 or newer, or use Podman";
const noImagePaths =
  "this Podman mounts whole images only: use a mount without a path, or Podman as root";

function unknownResource(name: string): string {
  return name.startsWith("hugepages-")
    ? "farlet gives pods no huge pages"
    : "farlet knows of no such devices on the host";
}

function volumeRefusals(
  { emptyDir }: Volume,
  at: string,
  traits: HostTraits | undefined,
): readonly Refusal[] {
  const medium = emptyDir?.medium ?? "";
  return collect([
    [
      medium.startsWith("HugePages"),
      `${at}.emptyDir.medium`,
      "farlet gives pods no huge pages",
    ],
    [
      medium === "Memory" && traits?.mounts === false,
      `${at}.emptyDir.medium`,
      "only root may mount memory on the host, and farlet is not root there",
    ],
  ]);
}

type Check = readonly [refused: boolean, field: string, message: string];

function collect(checks: readonly Check[]): readonly Refusal[] {
  return checks.filter(([refused]) => refused)
    .map(([, field, message]) => ({ field, message }));
}
