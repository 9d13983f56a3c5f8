/** What the tests of {@linkcode PodFiles} share. */
import { needing } from "../../tests/needing.ts";
import type { VolumeFile, VolumeMount, VolumeSpec } from "../container_spec.ts";
import { PodFiles } from "./pod_files.ts";
import {
  type LocalHost,
  startTestHost,
  testHostMissing,
  type TestHostOptions,
} from "./test_host.ts";

/** The pod of the tests. */
export const uid = "6f0a0b52-8f07-4c6b-9a5e-0123456789ab";

/** A host, and the files of one node on it. */
export interface FilesStage {
  readonly host: LocalHost;
  readonly files: PodFiles;
  /** The pod's directory. */
  readonly pod: string;
}

type Kind = Required<TestHostOptions>;

const kinds: readonly (readonly [string, Kind])[] = [
  ["root", { programs: "system", user: 0 }],
  ["root of a busybox", { programs: "busybox", user: 0 }],
  ["a plain user", { programs: "system", user: 1234 }],
  ["a plain user of a busybox", { programs: "busybox", user: 1234 }],
];

/** A test on every kind of host that is `wanted`. */
export function forEachKind(
  claim: string,
  fn: (stage: FilesStage, kind: Kind) => Promise<void>,
  wanted: (kind: Kind) => boolean = () => true,
): void {
  for (const [who, kind] of kinds.filter((each) => wanted(each[1]))) {
    Deno.test({
      ...needing(
        testHostMissing(kind.programs),
        `PodFiles ${claim}, as ${who}`,
      ),
      async fn() {
        await using host = await startTestHost(kind);
        const files = podFiles(host);
        const { signal } = new AbortController();
        const { directory } = await files.layout({ signal });
        await fn({ host, files, pod: `${directory}/pods/${uid}` }, kind);
      },
    });
  }
}

/** Another agent for the same node. */
export function podFiles(host: LocalHost): PodFiles {
  return new PodFiles(host, { node: "node-1", root: `${host.home}/farlet` });
}

/** Whether farlet is root there. */
export function isRoot({ user }: Kind): boolean {
  return user === 0;
}

/** A file of a volume. */
export function file(path: string, text: string, mode = 0o644): VolumeFile {
  return { path, mode, content: new TextEncoder().encode(text) };
}

/** The volume `config`. */
export function filesVolume(
  files: readonly VolumeFile[],
  { secret = false, fsGroup }: {
    readonly secret?: boolean;
    readonly fsGroup?: number;
  } = {},
): VolumeSpec {
  const group = fsGroup === undefined ? {} : { fsGroup };
  return { kind: "files", name: "config", files, secret, ...group };
}

/** A mount of a volume at `/data`. */
export function mountOf(volume: string, subPath?: string): VolumeMount {
  const path = subPath === undefined ? {} : { subPath };
  return { volume, mountPath: "/data", readOnly: false, ...path };
}

/** Where the engine would find what a container is to see. */
export async function source(
  { files }: FilesStage,
  volume: string,
  subPath?: string,
): Promise<string> {
  const { signal } = new AbortController();
  const binds = await files.binds(uid, [mountOf(volume, subPath)], { signal });
  return binds[0]?.source ?? "";
}

/** Such as `644 0:0`. */
export async function modeOf(path: string): Promise<string> {
  const { mode, uid, gid } = await Deno.lstat(path);
  return `${((mode ?? 0) & 0o7777).toString(8)} ${uid}:${gid}`;
}

/** The names in a directory, sorted. */
export async function namesIn(path: string): Promise<readonly string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path));
  return entries.map(({ name }) => name).sort();
}
