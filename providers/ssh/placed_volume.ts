import type { VolumeSpec } from "../container_spec.ts";

/** A volume as it is made on a host: the image of one was mounted somewhere already. */
export type HostVolume =
  | VolumeSpec
  | {
    readonly kind: "image";
    readonly name: string;
    /** Absolute. */
    readonly source: string;
  };

/** A pod, and its directory on the host. */
export interface PodPlace {
  readonly uid: string;
  readonly directory: string;
}

/** A volume of a pod, as it is on the host. */
export interface PlacedVolume {
  readonly podUid: string;
  readonly volume: string;
  readonly kind: HostVolume["kind"];
  /** Absolute; for a hostPath volume what it names. */
  readonly path: string;
  readonly sizeLimitBytes?: number;
}

/** Where a volume goes. Throws a `RangeError` for what cannot be there. */
export function placeVolume(
  volume: HostVolume,
  { uid, directory }: PodPlace,
): PlacedVolume {
  const { kind, name } = volume;
  if (!/^[a-z0-9][-a-z0-9.]*$/.test(name)) {
    throw new RangeError(`"${name}" is no name of a volume`);
  }
  const common = { podUid: uid, volume: name, kind };
  switch (volume.kind) {
    case "files": {
      const place = volume.secret ? "secrets" : "volumes";
      return { ...common, path: `${directory}/${place}/${name}` };
    }
    case "emptyDir": {
      const { sizeLimitBytes } = volume;
      return {
        ...common,
        path: `${directory}/volumes/${name}`,
        ...(sizeLimitBytes === undefined ? {} : { sizeLimitBytes }),
      };
    }
    case "image":
      return { ...common, path: `${directory}/volumes/${name}` };
    case "hostPath":
      if (!volume.path.startsWith("/") || /[\0\n]/.test(volume.path)) {
        throw new RangeError(`"${volume.path}" is no absolute path`);
      }
      return { ...common, path: volume.path };
  }
}

/** The volumes that the scripts have noted on the host, one a line: name, kind, what it is. */
export function readVolumes(
  text: string,
  { uid, directory }: PodPlace,
): readonly PlacedVolume[] {
  return text.split("\n").flatMap((line): PlacedVolume[] => {
    const [, volume = "", kind = "", rest = ""] =
      /^(\S+) (\S+) (.*)$/.exec(line) ?? [];
    const common = { podUid: uid, volume };
    switch (kind) {
      case "files": {
        const place = rest.startsWith("secrets ") ? "secrets" : "volumes";
        return [{ ...common, kind, path: `${directory}/${place}/${volume}` }];
      }
      case "emptyDir": {
        const limit = rest.split(" ")[1] ?? "";
        const path = `${directory}/volumes/${volume}`;
        return [{
          ...common,
          kind,
          path,
          ...(limit === "" ? {} : { sizeLimitBytes: Number(limit) }),
        }];
      }
      case "image":
        return [{ ...common, kind, path: `${directory}/volumes/${volume}` }];
      case "hostPath":
        return [{ ...common, kind, path: rest }];
      default:
        return [];
    }
  });
}
