/** Each document of `testdata/*.yaml` is a pod; each of its cases, what runs of it in, plan and status out. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseYaml } from "../async/yaml_file.ts";
import type { ContainerStatus, PodSpec, PodStatus } from "../k8s/types.ts";
import type { ObservedContainer, RunState } from "../providers/runtime.ts";
import type { RunHealth } from "./health.ts";
import { newMemory } from "./memory.ts";
import {
  absent,
  after,
  brief,
  container,
  ended,
  observed,
  outcome,
  pod,
  start,
} from "./test_plan.ts";

interface Cases {
  readonly pod: Partial<PodSpec>;
  readonly cases: readonly Case[];
}

interface Case {
  readonly case: string;
  /**
   * By container: `running` or `exit CODE`, then `#ATTEMPT`, `@SECOND` of its start (0; exits come
   * a second later) and `after CODE` of the run before, each if need be. No sandbox where it is
   * not given.
   */
  readonly runs?: Readonly<Record<string, string>>;
  /** By container, for those under probes. */
  readonly health?: Readonly<Record<string, RunHealth>>;
  /** Containers whose last run was ended by the node to be started again. */
  readonly replaced?: readonly string[];
  /** Containers whose last run had ended for a new start of all when it was looked at before. */
  readonly reset?: readonly string[];
  /** Seconds after the pod's creation; 60 unless given. */
  readonly at?: number;
  /** Nothing unless given. */
  readonly plan?: string;
  /** Phase, then every condition that is not True. */
  readonly status: string;
  readonly containers: Readonly<Record<string, string>>;
}

const folder = join(import.meta.dirname ?? ".", "testdata");
for (const { name } of [...Deno.readDirSync(folder)].sort(byName)) {
  const pods = parseYaml(Deno.readTextFileSync(join(folder, name)), name);
  for (const { pod, cases } of pods as readonly Cases[]) {
    for (
      const { case: title, plan = "", status, containers, ...seen } of cases
    ) {
      Deno.test(`${name}: ${title}`, () => {
        assert.deepEqual(outcomeOf(pod, seen), { plan, status, containers });
      });
    }
  }
}

function outcomeOf(
  spec: Partial<PodSpec>,
  { runs, health = {}, replaced = [], reset, at = 60 }: Pick<
    Case,
    "runs" | "health" | "replaced" | "reset" | "at"
  >,
) {
  const seen = runs === undefined
    ? absent
    : observed(...Object.entries(runs).map(runOf));
  // A run has its container's name as its ID here.
  const memory = {
    ...newMemory(start),
    health: new Map(Object.entries(health)),
    replacedRuns: new Set(replaced),
    ...(reset && { resetRuns: new Set(reset) }),
  };
  const options = { memory, now: after(at) };
  const { plan, status } = outcome(pod(spec), seen, options);
  return {
    plan: brief(plan),
    status: statusText(status),
    containers: Object.fromEntries(
      [
        ...status.initContainerStatuses ?? [],
        ...status.containerStatuses ?? [],
        ...status.ephemeralContainerStatuses ?? [],
      ].map((each) => [each.name, containerText(each)]),
    ),
  };
}

function runOf([name, text]: readonly [string, string]): ObservedContainer {
  const found = runText.exec(text)?.groups;
  assert.ok(found, text);
  const { code, attempt = "0", at = "0", before } = found;
  const from = Number(at);
  const state: RunState = code === undefined
    ? { kind: "running", startedAt: after(from) }
    : ended(Number(code), from + 1, from);
  const last = ended(Number(before));
  return {
    ...container(name, state, Number(attempt)),
    ...(before !== undefined && last.kind === "terminated"
      ? { lastExit: { ...last.exit, id: `${name}-before` } }
      : {}),
  };
}

const runText =
  /^(?:running|exit (?<code>\d+))(?: #(?<attempt>\d+))?(?: @(?<at>\d+))?(?: after (?<before>\d+))?$/;

function statusText({ phase = "", conditions = [] }: PodStatus): string {
  const others = conditions.filter(({ status }) => status !== "True");
  return [phase, ...others.map(({ type }) => `!${type}`)].join(" ");
}

function containerText(
  { state, ready, started, restartCount }: ContainerStatus,
): string {
  const { waiting, terminated } = state ?? {};
  return [
    waiting?.reason ?? (terminated ? `exit ${terminated.exitCode}` : "running"),
    ...(started ? ["started"] : []),
    ...(ready ? ["ready"] : []),
    ...(restartCount > 0 ? [`#${restartCount}`] : []),
  ].join(" ");
}

function byName(a: Deno.DirEntry, b: Deno.DirEntry): number {
  return a.name < b.name ? -1 : 1;
}
