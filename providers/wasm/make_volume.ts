import { checkHostPath } from "../host_path.ts";
import type { VolumeSpec } from "../container_spec.ts";
import { type VolumeOwner, writeVolumeFiles } from "../volume_dir.ts";
import { mountMemory } from "./memory_volume.ts";

/**
 * Makes a volume in its directory, or brings its files up to date; a hostPath is only looked at.
 *
 * @param podUser The user and group that is the pod's own, and to whom the volume belongs where
 * the pod names nobody else; the agent's unless given.
 */
export async function makeVolume(
  volume: VolumeSpec,
  directory: string,
  podUser: number | undefined,
): Promise<void> {
  switch (volume.kind) {
    case "files": {
      const owner = ownerOf(podUser, volume.fsGroup);
      return await writeVolumeFiles(directory, volume.files, owner);
    }
    case "emptyDir":
      return await makeEmptyDir(volume, directory, podUser);
    case "hostPath":
      return await checkHostPath(volume);
  }
}

async function makeEmptyDir(
  { medium, sizeLimitBytes, fsGroup }: VolumeSpec & { kind: "emptyDir" },
  directory: string,
  podUser: number | undefined,
): Promise<void> {
  const owner = ownerOf(podUser, fsGroup);
  await Deno.mkdir(directory, { recursive: true });
  if (medium === "Memory") {
    await mountMemory(directory, {
      ...(sizeLimitBytes === undefined ? {} : { sizeBytes: sizeLimitBytes }),
      ...(owner === undefined ? {} : { owner }),
    });
  }
  if (owner) await Deno.chown(directory, owner.uid, owner.gid);
  if (Deno.build.os === "windows") return;
  // Exactly so, whatever the umask is: any container of the pod may write. What is made in the
  // directory of a group is the group's.
  const inherits = owner !== undefined && fsGroup !== undefined;
  await Deno.chmod(directory, inherits ? 0o2777 : 0o777);
}

function ownerOf(
  podUser: number | undefined,
  fsGroup: number | undefined,
): VolumeOwner | undefined {
  if (podUser === undefined) return undefined;
  return { uid: podUser, gid: fsGroup ?? podUser };
}
