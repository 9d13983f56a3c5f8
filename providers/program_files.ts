import { RuntimeError } from "./errors.ts";
import type {
  ContainerSpec,
  VolumeMount,
  VolumeSpec,
} from "./container_spec.ts";
import type { VolumeSample } from "./samples.ts";

/** The volumes of one pod, in memory. */
export class ProgramVolumes {
  readonly #volumes = new Map<string, Map<string, string>>();

  /** Makes a volume or brings its files up to date; throws a `RuntimeError` for a hostPath. */
  set(volume: VolumeSpec): void {
    switch (volume.kind) {
      case "files": {
        const decoder = new TextDecoder();
        const files = volume.files.map(({ path, content }) =>
          [path, decoder.decode(content)] as const
        );
        this.#volumes.set(volume.name, new Map(files));
        return;
      }
      case "emptyDir":
        if (!this.#volumes.has(volume.name)) {
          this.#volumes.set(volume.name, new Map());
        }
        return;
      case "hostPath":
        throw new RuntimeError(
          "CreateContainerConfigError",
          "This provider cannot show a pod the host's files",
        );
    }
  }

  get(name: string): Map<string, string> | undefined {
    return this.#volumes.get(name);
  }

  /** How full the volumes are. */
  sample(podUid: string): readonly VolumeSample[] {
    const at = new Date();
    return [...this.#volumes].map(([volume, files]) => ({
      podUid,
      volume,
      at,
      usedBytes: [...files.values()].map(utf8Length).reduce(sum, 0),
      inodesUsed: files.size,
    }));
  }
}

/** What one container sees of the volumes of its pod. */
export class ProgramFiles {
  readonly #spec: ContainerSpec;
  readonly #volumes: ProgramVolumes;
  #message: string | undefined;

  constructor(spec: ContainerSpec, volumes: ProgramVolumes) {
    this.#spec = spec;
    this.#volumes = volumes;
  }

  /** The termination message, if one was written. */
  get message(): string | undefined {
    return this.#message;
  }

  /** The file at a path in the container; undefined where there is none. */
  read(path: string): string | undefined {
    const file = locate(this.#spec.mounts, this.#volumes, path);
    return file?.files.get(file.path);
  }

  /** Writes a file of a volume, or the termination message; nothing anywhere else. */
  write(path: string, text: string): void {
    const file = locate(this.#spec.mounts, this.#volumes, path);
    if (file) file.files.set(file.path, text);
    else if (path === this.#spec.terminationMessagePath) this.#message = text;
  }
}

/** The file of a volume that a path in the container means. */
function locate(
  mounts: readonly VolumeMount[],
  volumes: ProgramVolumes,
  path: string,
): { readonly files: Map<string, string>; readonly path: string } | undefined {
  const mount =
    mounts.filter(({ mountPath }) => path.startsWith(`${mountPath}/`))
      .toSorted((a, b) => b.mountPath.length - a.mountPath.length)[0];
  const files = mount && volumes.get(mount.volume);
  if (!files) return undefined;
  const inside = path.slice(mount.mountPath.length + 1);
  return {
    files,
    path: mount.subPath === undefined ? inside : `${mount.subPath}/${inside}`,
  };
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function sum(a: number, b: number): number {
  return a + b;
}
