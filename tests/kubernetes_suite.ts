/**
 * Kubernetes' own end-to-end suite, from the testbed: the only file that knows how it is run.
 * `FARLET_TEST_REQUIRE=all` makes it a must.
 */
import { join } from "node:path";
import type { AbortOptions } from "../async/abort.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import { delay } from "../async/delay.ts";
import { eventually } from "./agent_process.ts";
import { SshAgent } from "./ssh_agent.ts";
import { sshHostsMissing, startHost, testbed } from "./ssh_hosts.ts";

/** What {@linkcode runSuite} runs, and where. */
export interface SuiteOptions extends AbortOptions {
  /** A regular expression (RE2) of names; the node conformance specs unless given. */
  readonly focus?: string;
  /** Names to leave out; disruptive specs unless given. */
  readonly skip?: string;
  /** How many specs run at once. */
  readonly procs: number;
  /** Where the suite leaves its log and its JUnit report. */
  readonly dir: string;
  /** Told how many specs have ended, now and then. */
  readonly onProgress?: (ended: number) => void;
}

/** How a run of the suite ended. */
export interface SuiteResult {
  readonly passed: number;
  /** The names of the specs that failed. */
  readonly failed: readonly string[];
  readonly seconds: number;
}

/** All specs that are both `[NodeConformance]` and `[Conformance]`. */
export const nodeConformance =
  "\\[NodeConformance\\].*\\[Conformance\\]|\\[Conformance\\].*\\[NodeConformance\\]";

/** Why the suite cannot be run, in one line; undefined if it can. */
export function suiteMissing(): string | undefined {
  return sshHostsMissing() ?? controlPlaneMissing({ controllers: true });
}

/** Runs the suite against a Podman host that has nothing but SSH; all of it is gone afterwards. */
export async function runSuite(
  { focus = nodeConformance, skip = "\\[Disruptive\\]", ...options }:
    SuiteOptions,
): Promise<SuiteResult> {
  await using cluster = await startControlPlane({ controllers: true });
  await using host = await startHost({ images: true });
  await using agent = await SshAgent.open({ cluster, hosts: [host] });
  await eventually(() =>
    cluster.kubectl(["wait", "--for=condition=Ready", `node/${host.name}`])
  );
  const started = performance.now();
  const child = new Deno.Command(join(testbed(), "conformance"), {
    args: [cluster.kubeconfig, options.dir, focus, skip],
    env: { PROCS: String(options.procs) },
    stdin: "null",
    stdout: "piped",
    signal: options.signal,
  }).spawn();
  const over = new AbortController();
  const { onProgress = () => {} } = options;
  const log = join(options.dir, "e2e.log");
  const [{ stdout }] = await Promise.all([
    child.output().finally(() => over.abort()),
    follow(log, onProgress, over),
  ]);
  if (options.signal.aborted) {
    throw new Error(
      `The suite was not over in time; farlet's last words:\n${
        agent.stderr.slice(-2_000)
      }`,
      { cause: options.signal.reason },
    );
  }
  const text = new TextDecoder().decode(stdout);
  const passed = /^(\d+) passed, \d+ failed$/m.exec(text)?.[1];
  if (passed === undefined) {
    throw new Error(
      `Cannot run the suite: ${text}; see ${options.dir}/e2e.log`,
    );
  }
  return {
    passed: Number(passed),
    failed: [...text.matchAll(/^FAILED (.*)$/gm)].flatMap(([, name]) =>
      name ?? []
    ),
    seconds: (performance.now() - started) / 1000,
  };
}

/** Counts the dots of the suite's log, one for each spec that has ended, until aborted. */
async function follow(
  log: string,
  onProgress: (ended: number) => void,
  { signal }: AbortOptions,
): Promise<void> {
  while (!signal.aborted) {
    const text = await Deno.readTextFile(log).catch(() => "");
    onProgress(text.split("•").length - 1);
    await delay(2_000, { signal }).catch(() => {});
  }
}
