/**
 * What farlet reads of an engine's answers. Docker and Podman leave out different fields and say
 * null where the other says nothing: all that is not needed is optional, what is unknown passes.
 */
import * as z from "zod";

const text = z.string().nullish().transform((value) => value ?? undefined);
const labels = z.record(z.string(), z.string()).nullish()
  .transform((value) => value ?? {});
const texts = z.array(z.string()).nullish()
  .transform((value) => value ?? undefined);
const number = z.number().nullish().transform((value) => value ?? undefined);
const yes = z.boolean().nullish().transform((value) => value ?? undefined);

const addresses = z.looseObject({
  IPAddress: text,
  GlobalIPv6Address: text,
});

/** An entry of `GET /containers/json`. */
export const containerSummary = z.looseObject({
  Id: z.string(),
  Names: texts,
  Image: text,
  ImageID: text,
  State: text,
  Created: number,
  Labels: labels,
});
export type ContainerSummary = z.infer<typeof containerSummary>;

/** The answer to `GET /containers/ID/json`. */
export const containerInspect = z.looseObject({
  Id: z.string(),
  Name: text,
  Created: text,
  Image: text,
  LogPath: text,
  State: z.looseObject({
    Status: text,
    Running: yes,
    ExitCode: number,
    OOMKilled: yes,
    Error: text,
    StartedAt: text,
    FinishedAt: text,
    Pid: number,
  }),
  Config: z.looseObject({
    Labels: labels,
    StopSignal: z.union([z.string(), z.number()]).nullish().transform((
      value,
    ) => value === null || value === undefined ? undefined : String(value)),
    Tty: yes,
    OpenStdin: yes,
    StdinOnce: yes,
  }),
  HostConfig: z.looseObject({
    Memory: number,
    NetworkMode: text,
    LogConfig: z.looseObject({
      Type: text,
      Config: z.record(z.string(), z.string()).nullish(),
      Path: text,
    }).nullish().transform((value) => value ?? undefined),
  }).nullish().transform((value) => value ?? undefined),
  NetworkSettings: addresses.extend({
    SandboxKey: text,
    Networks: z.record(z.string(), addresses.nullable()).nullish(),
  }).nullish(),
});
export type ContainerInspect = z.infer<typeof containerInspect>;

/** The answer to `GET /images/NAME/json`. */
export const imageInspect = z.looseObject({
  Id: z.string(),
  RepoTags: texts,
  RepoDigests: texts,
  Size: number,
  Created: text,
  Architecture: text,
  Config: z.looseObject({
    User: text,
    Entrypoint: texts,
    Cmd: texts,
    Env: texts,
    WorkingDir: text,
    StopSignal: text,
    Labels: labels,
    Volumes: z.record(z.string(), z.unknown()).nullish(),
  }).nullish().transform((value) => value ?? undefined),
});
export type ImageInspect = z.infer<typeof imageInspect>;

/** An entry of `GET /images/json`. */
export const imageSummary = z.looseObject({
  Id: z.string(),
  RepoTags: texts,
  RepoDigests: texts,
  Size: number,
  Created: number,
  Containers: number,
  Labels: labels,
});
export type ImageSummary = z.infer<typeof imageSummary>;

/** The answer to `GET /exec/ID/json`. */
export const execInspect = z.looseObject({
  ID: text,
  Running: yes,
  ExitCode: number,
  Pid: number,
});
export type ExecInspect = z.infer<typeof execInspect>;

const count = z.number().nullish().transform((value) => value ?? 0);

/**
 * The answer to `GET /containers/ID/stats`. `read` is the year 1 for what does not run. Docker
 * leaves out, and Podman fills in, what the version of the host's cgroups does not have.
 */
export const containerStats = z.looseObject({
  read: text,
  cpu_stats: z.looseObject({
    /** In nanoseconds. */
    cpu_usage: z.looseObject({ total_usage: count }).nullish(),
  }).nullish(),
  memory_stats: z.looseObject({
    usage: count,
    limit: count,
    stats: z.record(z.string(), z.number()).nullish(),
  }).nullish(),
  pids_stats: z.looseObject({ current: count }).nullish(),
  networks: z.record(
    z.string(),
    z.looseObject({
      rx_bytes: count,
      rx_errors: count,
      tx_bytes: count,
      tx_errors: count,
    }),
  ).nullish(),
});
export type ContainerStats = z.infer<typeof containerStats>;

/** The answer to `GET /system/df`. */
export const diskUsage = z.object({
  /** Bytes of all images; Podman 4 says 0. */
  LayersSize: count,
});
export type DiskUsage = z.infer<typeof diskUsage>;

/** An answer that names what was made. */
export const created = z.looseObject({
  Id: z.string(),
  Warnings: texts,
});

/** A line of `GET /events`. */
export const eventLine = z.looseObject({
  Action: text,
  status: text,
  id: text,
  time: number,
  timeNano: number,
  Actor: z.looseObject({ ID: text, Attributes: labels }).nullish(),
});

/** The answer to `GET /info`. */
export const engineInfoAnswer = z.looseObject({
  Architecture: text,
  OSType: text,
  OperatingSystem: text,
  KernelVersion: text,
  NCPU: number,
  MemTotal: number,
  CgroupVersion: text,
  CgroupDriver: text,
  Driver: text,
  DockerRootDir: text,
  LoggingDriver: text,
  DefaultRuntime: text,
  SecurityOptions: texts,
  /** Podman's alone. */
  Rootless: yes,
  ServerVersion: text,
});

/** The answer to `GET /version`. */
export const versionAnswer = z.looseObject({
  Version: text,
  ApiVersion: text,
  MinAPIVersion: text,
  Os: text,
  Arch: text,
  KernelVersion: text,
  Components: z.array(z.looseObject({ Name: text, Version: text })).nullish(),
});
