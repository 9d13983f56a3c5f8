import assert from "node:assert/strict";
import { untilAborted } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { Container, PodStatus } from "../k8s/types.ts";
import { UnreachableError } from "../providers/errors.ts";
import type { ObservedPod } from "../providers/runtime.ts";
import type { RunHealth } from "./health.ts";
import { PodProbes } from "./pod_probes.ts";
import { desiredPod } from "./pod_spec.ts";
import type { ProbeRuntime } from "./probe_attempt.ts";
import { ProbeMetrics } from "./probe_metrics.ts";

/** The probes of a pod whose container answers what the test says. */
class Bench implements AsyncDisposable {
  readonly metrics = new ProbeMetrics();
  readonly events: string[] = [];
  readonly #group: TaskGroup;
  readonly #probes: PodProbes;
  readonly #container: Partial<Container>;
  /** The exit code of every command, or how it fails. */
  answer: number | Error | "never" = 0;
  output = "";
  asked = 0;
  atOnce = 0;
  mostAtOnce = 0;
  synced = 0;

  constructor(container: Partial<Container>, runtime: ProbeRuntime = {}) {
    this.#container = container;
    this.#group = new TaskGroup(new AbortController().signal);
    const exec: ProbeRuntime["exec"] = async (_ref, command, options) => {
      this.asked++;
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
      try {
        const { answer } = this;
        if (answer === "never") {
          await untilAborted(options.signal);
          throw options.signal.reason;
        }
        if (answer instanceof Error) throw answer;
        const writer = options.stdout?.getWriter();
        await writer?.write(
          new TextEncoder().encode(`${command.join(" ")} ${this.output}`),
        );
        return answer;
      } finally {
        this.atOnce--;
      }
    };
    this.#probes = new PodProbes({ exec, ...runtime }, this.metrics);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#probes.stop("u");
    await this.#group[Symbol.asyncDispose]();
  }

  /** One observation: the run of that ID, or none. */
  keep(
    id: string | undefined,
    { ending = false, published }: {
      readonly ending?: boolean;
      readonly published?: PodStatus;
    } = {},
  ): void {
    const container = { name: "c", image: "i", ...this.#container };
    const observed: ObservedPod = {
      uid: "u",
      sandbox: "ready",
      ips: ["10.0.0.5"],
      containers: id === undefined ? [] : [{
        ...{ name: "c", attempt: 0, id, image: "i", imageId: "i" },
        state: { kind: "running", startedAt: new Date() },
      }],
    };
    this.#probes.keep(observed, {
      group: this.#group,
      desired: desiredPod({
        metadata: { uid: "u", name: "p", namespace: "n" },
        spec: { containers: [container] },
      }),
      published,
      nodeIps: ["192.0.2.1"],
      ending,
      recordOf: (name) => (type, reason, message) =>
        this.events.push(`${name} ${type} ${reason} ${message}`),
      retry: () => this.synced++,
    });
  }

  health(id: string): RunHealth | undefined {
    return this.#probes.health.get(id);
  }

  async until(condition: () => boolean): Promise<void> {
    using deadline = new Deadline(10_000, {
      signal: new AbortController().signal,
    });
    while (!condition()) await delay(5, deadline);
  }

  metric(name: string) {
    return this.metrics.families().find((family) => family.name === name)
      ?.samples;
  }
}

const exec = { command: ["check", "$(A)", "$(B)"] };
const ready = { started: true, ready: true };

Deno.test("PodProbes asks for readiness as soon as a container runs, and for a sync once it is ready", async () => {
  await using bench = new Bench({ readinessProbe: { exec } });
  bench.keep(undefined);
  bench.keep("a");
  assert.deepEqual(bench.health("a"), { started: true, ready: false });
  await bench.until(() => bench.synced === 1);
  assert.deepEqual(bench.health("a"), ready);
  assert.deepEqual(bench.events, []);
  const [sample] = bench.metric("prober_probe_total") ?? [];
  assert.deepEqual(sample, {
    labels: {
      ...{ container: "c", namespace: "n", pod: "p" },
      "probe_type": "Readiness",
      "pod_uid": "u",
      result: "successful",
    },
    value: 1,
  });
});

Deno.test("PodProbes tells of a failure in the kubelet's words, with values of the pod's own", async () => {
  await using bench = new Bench({
    env: [{ name: "A", value: "1" }, {
      name: "B",
      valueFrom: { fieldRef: { fieldPath: "metadata.name" } },
    }],
    readinessProbe: { exec, failureThreshold: 1 },
  });
  bench.answer = 3;
  bench.output = "x".repeat(20_000);
  bench.keep(undefined);
  bench.keep("a");
  await bench.until(() => bench.synced === 1);
  const [event = ""] = bench.events;
  const words = "c Warning Unhealthy Readiness probe failed: ";
  assert.ok(event.startsWith(`${words}check 1 $(B) xxx`));
  assert.equal(event.length, words.length + 10 * 1024);
  assert.equal(bench.metric("prober_probe_duration_seconds"), undefined);
});

Deno.test("PodProbes says that a command took too long", async () => {
  await using bench = new Bench({
    readinessProbe: { exec, failureThreshold: 1 },
  });
  bench.answer = "never";
  bench.keep(undefined);
  bench.keep("a");
  await bench.until(() => bench.synced === 1);
  assert.deepEqual(bench.events, [
    'c Warning Unhealthy Readiness probe failed: command timed out: "check $(A) $(B)" timed out after 1s',
  ]);
  assert.equal(bench.asked, 1);
});

Deno.test("PodProbes ends a run by its liveness probe once, with the grace of the probe", async () => {
  await using bench = new Bench({
    livenessProbe: {
      ...{ exec, periodSeconds: 0.02, failureThreshold: 2 },
      terminationGracePeriodSeconds: 9,
    },
  });
  bench.answer = 1;
  bench.keep(undefined);
  bench.keep("a");
  await bench.until(() => bench.synced === 1);
  assert.deepEqual(bench.health("a"), {
    ...ready,
    failed: { probe: "liveness", graceSeconds: 9 },
  });
  assert.equal(bench.asked, 2);
  bench.answer = 0;
  bench.keep("b");
  assert.equal(bench.health("a"), undefined);
  assert.deepEqual(bench.health("b"), ready);
  await bench.until(() => bench.asked === 3);
  assert.equal(bench.mostAtOnce, 1);
});

Deno.test("PodProbes asks for readiness at once when the startup probe has succeeded, and never for that again", async () => {
  await using bench = new Bench({
    startupProbe: { exec: { command: ["startup"] }, periodSeconds: 0.02 },
    readinessProbe: { exec, periodSeconds: 100 },
  });
  bench.keep(undefined);
  bench.keep("a");
  assert.deepEqual(bench.health("a"), { started: false, ready: false });
  await bench.until(() => bench.synced === 2);
  assert.deepEqual(bench.health("a"), ready);
  assert.equal(bench.asked, 2);
});

Deno.test("PodProbes knows nothing of a container while its host cannot be reached", async () => {
  await using bench = new Bench({
    livenessProbe: { exec, periodSeconds: 0.02, failureThreshold: 1 },
  });
  bench.answer = new UnreachableError("gone");
  bench.keep(undefined);
  bench.keep("a");
  await bench.until(() => bench.asked === 2);
  assert.deepEqual(bench.health("a"), ready);
  assert.deepEqual(bench.events, []);
});

Deno.test("PodProbes does not believe a timeout that may be one of the link", async () => {
  let pinged = 0;
  await using bench = new Bench({
    livenessProbe: { exec, periodSeconds: 0.02, failureThreshold: 1 },
  }, {
    ping: () => {
      pinged++;
      return Promise.reject(new UnreachableError("gone"));
    },
  });
  bench.answer = "never";
  bench.keep(undefined);
  bench.keep("a");
  await bench.until(() => pinged === 1 && bench.asked === 2);
  assert.deepEqual(bench.health("a"), ready);
  assert.deepEqual(bench.events, []);
});

Deno.test("PodProbes throws away a probe that cannot be made, after three attempts", async () => {
  await using bench = new Bench({
    readinessProbe: { exec, failureThreshold: 1, periodSeconds: 100 },
  });
  bench.answer = new Error("there is no such command");
  bench.keep(undefined);
  bench.keep("a");
  await bench.until(() => bench.events.length === 1);
  assert.equal(bench.asked, 3);
  assert.deepEqual(bench.events, [
    "c Warning Unhealthy Readiness probe errored and resulted in unknown state: there is no such command",
  ]);
  assert.equal(bench.synced, 0);
});

Deno.test("PodProbes leaves a run ready that was published so by the agent before", async () => {
  await using bench = new Bench({
    startupProbe: { exec, periodSeconds: 0.02 },
    readinessProbe: { exec, periodSeconds: 0.02, failureThreshold: 1 },
  });
  bench.answer = 1;
  bench.keep("a", {
    published: {
      containerStatuses: [{
        ...{ name: "c", containerID: "podman://a", ready: true },
        ...{ started: true, image: "", imageID: "", restartCount: 0 },
      }],
    },
  });
  assert.deepEqual(bench.health("a"), ready);
  await bench.until(() => bench.synced === 1);
  assert.deepEqual(bench.health("a"), { started: true, ready: false });
});

Deno.test("PodProbes asks an ending pod for readiness only", async () => {
  await using bench = new Bench({
    readinessProbe: { exec: { command: ["ready"] }, periodSeconds: 0.02 },
    livenessProbe: { exec, periodSeconds: 0.02, failureThreshold: 1 },
  });
  bench.keep(undefined);
  bench.keep("a");
  await bench.until(() => bench.synced === 2);
  bench.keep("a", { ending: true });
  bench.answer = 1;
  await bench.until(() => bench.synced === 3 || bench.events.length === 3);
  assert.deepEqual(bench.health("a"), { started: true, ready: false });
  assert.ok(bench.events.every((event) => event.includes("Readiness")));
});
