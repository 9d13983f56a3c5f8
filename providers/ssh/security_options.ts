import type { SecuritySettings } from "../container_spec.ts";
import type { EngineTraits, HostConfig } from "./create_body.ts";

/** Where the kubelet looks for the profiles that pods name. */
const seccompDir = "/var/lib/kubelet/seccomp";

/** The fields of a container that say what its processes may do. */
export function securityFields(
  security: SecuritySettings,
  { engine, seccompProfile }: {
    readonly engine: EngineTraits;
    /** The content of the profile, which Docker wants instead of its path. */
    readonly seccompProfile?: string;
  },
): Partial<HostConfig> {
  const { capabilities, supplementalGroups } = security;
  const options = [
    ...(security.allowPrivilegeEscalation ? [] : ["no-new-privileges"]),
    ...seccompOptions(security, engine, seccompProfile),
    ...appArmorOptions(security),
    ...seLinuxOptions(security),
  ];
  return {
    ...(security.privileged ? { Privileged: true } : {}),
    ...(security.readOnlyRootFilesystem ? { ReadonlyRootfs: true } : {}),
    ...(capabilities.add.length === 0 ? {} : { CapAdd: capabilities.add }),
    ...(capabilities.drop.length === 0 ? {} : { CapDrop: capabilities.drop }),
    ...(supplementalGroups.length === 0
      ? {}
      : { GroupAdd: supplementalGroups.map(String) }),
    ...(options.length === 0 ? {} : { SecurityOpt: options }),
  };
}

/** The `USER[:GROUP]` that a container runs as; undefined for the image's own. */
export function userField(
  { runAsUser, runAsGroup }: SecuritySettings,
  imageUser: number | string | undefined,
): string | undefined {
  if (runAsGroup === undefined) return runAsUser?.toString();
  // The image's own group gives way.
  const user = runAsUser ?? String(imageUser ?? 0).split(":")[0];
  return `${user}:${runAsGroup}`;
}

/** The path on the host of the seccomp profile that is named; undefined if none is. */
export function seccompPath(
  { seccomp, privileged }: SecuritySettings,
): string | undefined {
  if (privileged || seccomp?.kind !== "localhost") return undefined;
  const { profile } = seccomp;
  return profile.startsWith("/") ? profile : `${seccompDir}/${profile}`;
}

function seccompOptions(
  security: SecuritySettings,
  { kind }: EngineTraits,
  content: string | undefined,
): readonly string[] {
  // Whatever may do everything is not filtered.
  if (security.privileged) return [];
  switch (security.seccomp?.kind) {
    case undefined:
    case "runtimeDefault":
      return [];
    case "unconfined":
      return ["seccomp=unconfined"];
    case "localhost": {
      const path = seccompPath(security) ?? "";
      return [`seccomp=${kind === "docker" ? content ?? path : path}`];
    }
  }
}

function appArmorOptions(
  { appArmor, privileged }: SecuritySettings,
): readonly string[] {
  if (privileged) return [];
  switch (appArmor?.kind) {
    case undefined:
    case "runtimeDefault":
      return [];
    case "unconfined":
      return ["apparmor=unconfined"];
    case "localhost":
      return [`apparmor=${appArmor.profile}`];
  }
}

function seLinuxOptions({ seLinux = {} }: SecuritySettings): readonly string[] {
  return Object.entries(seLinux).filter(([, value]) => value !== undefined)
    .map(([key, value]) => `label=${key}:${value}`);
}
