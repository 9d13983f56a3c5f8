import {
  type ContainerIdentity,
  label,
  type Labels,
  ownerOf,
  type SharedTraits,
  sharedTraits,
} from "./labels.ts";

/** What of an engine's answer to an inspection is looked at. */
export interface InspectedContainer {
  readonly Id: string;
  readonly Name?: string | undefined;
  readonly Created?: string | undefined;
  readonly State: {
    readonly Status?: string | undefined;
    readonly Running?: boolean | undefined;
    readonly ExitCode?: number | undefined;
    readonly OOMKilled?: boolean | undefined;
    readonly Error?: string | undefined;
    readonly StartedAt?: string | undefined;
    readonly FinishedAt?: string | undefined;
  };
  readonly Config: {
    readonly Labels?: Labels | null | undefined;
    readonly StopSignal?: string | undefined;
    readonly Tty?: boolean | undefined;
  };
  readonly HostConfig?: { readonly Memory?: number | undefined } | undefined;
  readonly NetworkSettings?: InspectedNetwork | null | undefined;
}

interface InspectedNetwork extends InspectedAddresses {
  readonly Networks?:
    | Readonly<Record<string, InspectedAddresses | null>>
    | null
    | undefined;
}

interface InspectedAddresses {
  readonly IPAddress?: string | undefined;
  readonly GlobalIPv6Address?: string | undefined;
}

/** What a container on a host is doing, engine differences aside. */
export type RecordState =
  /** It was never started; `error` says why, where the engine does. */
  | { readonly kind: "created"; readonly error: string }
  | { readonly kind: "running"; readonly startedAt: Date }
  | {
    readonly kind: "exited";
    readonly code: number;
    readonly oomKilled: boolean;
    readonly error: string;
    readonly startedAt: Date;
    readonly finishedAt: Date;
  }
  /** It ran, and the engine did not see it end: the host went down. */
  | { readonly kind: "lost"; readonly startedAt: Date; readonly foundAt: Date };

/** What the runtime keeps of one container of its node. */
export interface ContainerRecord extends ContainerIdentity {
  readonly id: string;
  readonly createdAt: Date;
  readonly state: RecordState;
  /** The addresses of a sandbox with a network of its own. */
  readonly ips: readonly string[];
  /** Meaningful for a sandbox only. */
  readonly shared: SharedTraits;
  /** As the engine has it: a name or a number. */
  readonly stopSignal: string;
  readonly specHash: string;
  readonly tty: boolean;
  readonly stdinOnce: boolean;
  /** Whether its memory is limited. */
  readonly limited: boolean;
}

/** The record of a container; undefined for one that farlet did not make. */
export function containerRecord(
  { Id, Name = "", Created, State, Config, HostConfig, NetworkSettings }:
    InspectedContainer,
  now: Date,
): ContainerRecord | undefined {
  const labels = Config.Labels ?? {};
  const identity = ownerOf(labels, [Name]);
  if (identity === undefined) return undefined;
  return {
    ...identity,
    id: Id,
    createdAt: time(Created) ?? now,
    state: recordState(State, now),
    ips: identity.kind === "sandbox" ? addresses(NetworkSettings ?? {}) : [],
    shared: sharedTraits(labels),
    stopSignal: Config.StopSignal || "SIGTERM",
    specHash: labels[label.specHash] ?? "",
    tty: Config.Tty ?? false,
    stdinOnce: labels[label.stdinOnce] === "true",
    limited: (HostConfig?.Memory ?? 0) > 0,
  };
}

function recordState(
  {
    Status = "",
    Running = false,
    ExitCode = 0,
    OOMKilled = false,
    Error,
    ...at
  }: InspectedContainer["State"],
  now: Date,
): RecordState {
  const startedAt = time(at.StartedAt);
  const finishedAt = time(at.FinishedAt);
  const error = Error ?? "";
  if (Running || /^(running|paused|stopping)$/.test(Status)) {
    return { kind: "running", startedAt: startedAt ?? now };
  }
  if (startedAt === undefined) return { kind: "created", error };
  // Podman forgets the end of what ran when the host went down, and calls it created.
  const hasEnded = finishedAt !== undefined &&
    (finishedAt >= startedAt || /^(exited|stopped|dead)$/.test(Status));
  if (!hasEnded) return { kind: "lost", startedAt, foundAt: now };
  const code = ExitCode;
  return {
    kind: "exited",
    code,
    oomKilled: OOMKilled,
    error,
    startedAt,
    // Podman has the two from different clocks.
    finishedAt: finishedAt < startedAt ? startedAt : finishedAt,
  };
}

/** Both engines write the year 1 for what has not happened. */
function time(text: string | undefined): Date | undefined {
  if (text === undefined || text === "") return undefined;
  const date = new Date(text);
  return date.getTime() > 0 ? date : undefined;
}

function addresses(
  { Networks, ...own }: InspectedNetwork,
): readonly string[] {
  const all = [own, ...Object.values(Networks ?? {})].flatMap((network) => [
    network?.IPAddress,
    network?.GlobalIPv6Address,
  ]).filter((address) => address !== undefined && address !== "");
  const unique = [...new Set(all)].filter((each) => each !== undefined);
  // The primary address of a pod on a network with both families is the one of version 4.
  return unique.toSorted((a, b) =>
    Number(a.includes(":")) - Number(b.includes(":"))
  );
}
