import type { Container, Pod, PodSpec } from "../k8s/types.ts";
import { RuntimeError } from "../providers/errors.ts";
import type { SecuritySettings } from "../providers/container_spec.ts";
import type { LocalImage } from "../providers/runtime.ts";
import { optional } from "./optional.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";

type Profile = NonNullable<SecuritySettings["seccomp"]>;
type PodContext = NonNullable<PodSpec["securityContext"]>;
type ContainerContext = NonNullable<Container["securityContext"]>;

/**
 * What the processes of a container may do: its own `securityContext` over that of the pod, by the
 * kubelet's rules (`DetermineEffectiveSecurityContext`).
 *
 * A container that may not run as root but would, or whose image does not tell, is a
 * `RuntimeError` of reason `CreateContainerConfigError`.
 */
export function securitySettings(
  desired: DesiredPod,
  container: DesiredContainer,
  image: Pick<LocalImage, "user">,
): SecuritySettings {
  const { pod } = desired;
  const shared = pod.spec?.securityContext ?? {};
  const own = container.spec.securityContext ?? {};
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  if (own.runAsNonRoot ?? shared.runAsNonRoot) {
    refuseRoot(desired, container, { runAsUser, image: image.user });
  }
  const { fsGroup, supplementalGroups = [] } = shared;
  const { capabilities, privileged = false } = own;
  const add = capabilities?.add ?? [];
  return {
    ...optional("runAsUser", runAsUser),
    ...optional("runAsGroup", own.runAsGroup ?? shared.runAsGroup),
    supplementalGroups: [
      ...new Set([
        ...(fsGroup === undefined ? [] : [fsGroup]),
        ...supplementalGroups,
      ]),
    ],
    privileged,
    readOnlyRootFilesystem: own.readOnlyRootFilesystem ?? false,
    allowPrivilegeEscalation: privileged || add.some(isAllPowerful) ||
      (own.allowPrivilegeEscalation ?? true),
    capabilities: { add, drop: capabilities?.drop ?? [] },
    ...optional(
      "seccomp",
      profile(own.seccompProfile ?? shared.seccompProfile),
    ),
    ...optional("appArmor", appArmor(pod, container.name, own, shared)),
    ...optional("seLinux", own.seLinuxOptions ?? shared.seLinuxOptions),
  };
}

/**
 * The user that all containers of a pod run as, by number; undefined if they differ, or if it is
 * the image that says. The kubelet's `FsUserFrom`.
 */
export function commonUser({ spec }: Pod): number | undefined {
  const users = new Set(
    [...spec?.initContainers ?? [], ...spec?.containers ?? []].map((
      { securityContext },
    ) => securityContext?.runAsUser ?? spec?.securityContext?.runAsUser),
  );
  const [user] = users;
  return users.size === 1 ? user : undefined;
}

function refuseRoot(
  { namespace, name, uid }: DesiredPod,
  { name: container }: DesiredContainer,
  { runAsUser, image }: {
    readonly runAsUser: number | undefined;
    readonly image: LocalImage["user"];
  },
): void {
  const user = userOf(image);
  const where =
    `(pod: "${name}_${namespace}(${uid})", container: ${container})`;
  const problem = runAsUser === 0
    ? "container's runAsUser breaks non-root policy"
    : runAsUser !== undefined
    ? undefined
    : user === 0
    ? "container has runAsNonRoot and image will run as root"
    : typeof user === "string"
    ? `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root`
    : undefined;
  if (problem === undefined) return;
  throw new RuntimeError("CreateContainerConfigError", `${problem} ${where}`);
}

/** The user of an image (`nginx`, `1000`, `1000:1000`), as a number if it is one; root for none. */
function userOf(image: LocalImage["user"]): number | string {
  if (typeof image === "number") return image;
  const [user = ""] = (image ?? "").split(":");
  return /^\d*$/.test(user) ? Number(user) : user;
}

/** With this capability, `no_new_privs` would say what is not so: the API refuses both together. */
function isAllPowerful(capability: string): boolean {
  return ["SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"].includes(capability);
}

function appArmor(
  { metadata }: Pod,
  container: string,
  own: ContainerContext,
  shared: PodContext,
): Profile | undefined {
  const legacy = metadata?.annotations?.[
    `container.apparmor.security.beta.kubernetes.io/${container}`
  ];
  return profile(own.appArmorProfile) ?? legacyProfile(legacy) ??
    profile(shared.appArmorProfile);
}

/** The value of the annotation that was before `appArmorProfile`. */
function legacyProfile(value: string | undefined): Profile | undefined {
  if (value === "unconfined") return { kind: "unconfined" };
  if (value === "runtime/default") return { kind: "runtimeDefault" };
  const [, name] = /^localhost\/(.+)$/.exec(value ?? "") ?? [];
  return name === undefined ? undefined : { kind: "localhost", profile: name };
}

function profile(
  given:
    | { readonly type: string; readonly localhostProfile?: string }
    | undefined,
): Profile | undefined {
  switch (given?.type) {
    case "Unconfined":
      return { kind: "unconfined" };
    case "RuntimeDefault":
      return { kind: "runtimeDefault" };
    case "Localhost":
      return { kind: "localhost", profile: given.localhostProfile ?? "" };
    default:
      return undefined;
  }
}
