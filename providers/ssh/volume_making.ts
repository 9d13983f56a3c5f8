import type { HostLayout } from "./host_layout.ts";
import type { HostVolume, PodPlace } from "./placed_volume.ts";
import { volumeArchive } from "./volume_archive.ts";
import {
  checkHostPathScript,
  makeEmptyDirScript,
  mountImageScript,
  writeFilesScript,
} from "./volume_scripts.ts";

/** How a volume is made on a host, or brought up to date. */
export interface VolumeMaking {
  readonly script: string;
  readonly args: readonly string[];
  readonly stdin: Uint8Array;
  /** Equal for equal volumes; says nothing about their content. */
  readonly digest: string;
}

/** The script that makes a volume, with what it needs. Throws a `RangeError` for paths that leave it. */
export function volumeMaking(
  volume: HostVolume,
  { directory }: PodPlace,
  layout: HostLayout,
): VolumeMaking {
  const { name } = volume;
  const stdin = new Uint8Array();
  switch (volume.kind) {
    case "files": {
      const archive = volumeArchive(volume, layout);
      const args = [
        directory,
        name,
        volume.secret ? "secrets" : "volumes",
        archive.digest,
        layout.bootId,
        archive.mode,
        archive.directoryMode,
        archive.group,
        layout.mounts ? "tmpfs" : "",
      ];
      const { digest, bytes } = archive;
      return { script: writeFilesScript, args, stdin: bytes, digest };
    }
    case "emptyDir": {
      const { medium, sizeLimitBytes = "", fsGroup = "" } = volume;
      const place = medium === "Memory" ? "memory" : "disk";
      // Only root may give files away.
      const group = layout.user === 0 ? String(fsGroup) : "";
      const args = [directory, name, place, String(sizeLimitBytes), group];
      const digest = JSON.stringify(args);
      return { script: makeEmptyDirScript, args, stdin, digest };
    }
    case "image": {
      const args = [directory, name, volume.source];
      const digest = JSON.stringify(args);
      return { script: mountImageScript, args, stdin, digest };
    }
    case "hostPath": {
      const args = [directory, name, volume.path, volume.type];
      const digest = JSON.stringify(args);
      return { script: checkHostPathScript, args, stdin, digest };
    }
  }
}
