import assert from "node:assert/strict";
import type { ContainerStatus } from "../k8s/types.ts";
import type { ProviderBench } from "./provider_bench.ts";

/** What is promised of every provider: each claim with what shows it. */
export type ConformanceCases = Readonly<
  Record<string, (bench: ProviderBench) => Promise<void>>
>;

/** What is promised of those methods of `ContainerAccess` that a provider has. */
export const accessCases: ConformanceCases = {
  async "runs commands in a running container"(bench) {
    if (!bench.has("exec")) return;
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    assert.deepEqual(
      await bench.exec(pod, ["echo", "out", "err", "bad", "exit", "3"]),
      { code: 3, stdout: "out\n", stderr: "bad\n" },
    );
    assert.deepEqual(
      await bench.exec(pod, ["lines", "100000"]),
      { code: 0, stdout: manyLines(100_000), stderr: "" },
    );
    assert.equal((await bench.status(pod))?.phase, "Running");
  },

  async "is probed by commands, or refuses that by the field's name"(bench) {
    const exec = { command: bench.commandOf(["exit", "0"]) };
    const readinessProbe = { exec, timeoutSeconds: 10 };
    const pod = bench.pod({ args: ["spin"], readinessProbe });
    await bench.create(pod);
    await bench.until(pod, (status) => {
      const [first] = status.containerStatuses ?? [];
      return bench.has("exec")
        ? first?.ready === true
        : isRefused(first, "spec.containers[0].readinessProbe.exec");
    });
  },

  async "refuses probes by connections where it has none"(bench) {
    if (bench.has("portForward")) return;
    const livenessProbe = { httpGet: { port: 80 } };
    const pod = bench.pod({ args: ["spin"], livenessProbe });
    await bench.create(pod);
    const field = "spec.containers[0].livenessProbe.httpGet";
    await bench.until(
      pod,
      ({ containerStatuses = [] }) => isRefused(containerStatuses[0], field),
    );
  },

  async "gives a command its input, and the end of it"(bench) {
    if (!bench.has("exec")) return;
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    const text = manyLines(30_000);
    const stdin = new Blob([text]).stream();
    const { code, stdout } = await bench.exec(pod, ["<stdin>"], { stdin });
    assert.deepEqual({ code, same: stdout === text }, {
      code: 0,
      same: true,
    });
  },

  async "gives commands the container's environment and volumes"(bench) {
    if (!bench.has("exec")) return;
    const pod = bench.pod({
      args: ["spin"],
      env: [{ name: "GREETING", value: "hello" }],
      volumeMounts: [{ name: "shared", mountPath: "/shared" }],
    });
    pod.spec?.volumes?.push({ name: "shared", emptyDir: {} });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    await bench.exec(pod, ["write", "/shared/note", "from exec"]);
    const { stdout } = await bench.exec(pod, [
      ...["env", "GREETING", "cat", "/shared/note"],
    ]);
    assert.equal(stdout, "hello\nfrom exec");
  },

  async "ends a command when nobody wants it any more"(bench) {
    if (!bench.has("exec")) return;
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    const stop = new AbortController();
    const stdout = new WritableStream({
      // Takes no more than this, as a client that is stuck.
      write: () => {
        stop.abort();
        return new Promise<void>(() => {});
      },
    });
    const begun = performance.now();
    await assert.rejects(
      bench.exec(pod, ["lines", "1000000", "spin"], {
        stdout,
        signal: stop.signal,
      }),
      { name: "AbortError" },
    );
    assert.ok(performance.now() - begun < 5_000);
  },

  async "ends commands with their container"(bench) {
    if (!bench.has("exec")) return;
    const pod = bench.pod({ args: ["spin"] });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    const started = Promise.withResolvers<void>();
    const stdout = new WritableStream({ write: () => started.resolve() });
    const words = ["echo", "here", "sleep", "60000"];
    const command = bench.exec(pod, words, { stdout });
    await Promise.race([started.promise, command]);
    await bench.delete(pod, { graceSeconds: 0 });
    assert.equal((await command).code, 137);
  },

  async "runs no command in a container that has ended"(bench) {
    if (!bench.has("exec")) return;
    const pod = bench.pod({ args: ["echo", "over"] });
    await bench.create(pod);
    await bench.phase(pod, "Succeeded");
    const command = bench.exec(pod, ["echo", "never"]);
    await assert.rejects(command, Deno.errors.NotFound);
  },

  async "connects to a running container"(bench) {
    if (!bench.has("attach")) return;
    const pod = bench.pod({
      args: ["echo", "before", "sleep", "500", "echo", "after"],
    });
    await bench.create(pod);
    await bench.phase(pod, "Running");
    assert.match(await bench.attach(pod), /^(before\n)?after\n$/);
    await bench.phase(pod, "Succeeded");
    await assert.rejects(bench.attach(pod), Deno.errors.NotFound);
  },

  async "connects to the ports of a pod"(bench) {
    if (!bench.has("portForward")) return;
    const pod = bench.pod({
      args: bench.listens ? ["listen", "4000"] : ["spin"],
    });
    await assert.rejects(bench.portForward(pod, 4000), Deno.errors.NotFound);
    await bench.create(pod);
    await bench.phase(pod, "Running");
    await assert.rejects(
      bench.portForward(pod, 4001),
      Deno.errors.ConnectionRefused,
    );
    if (!bench.listens) return;
    const { readable, writable } = await bench.portForward(pod, 4000);
    const text = manyLines(30_000);
    const [answer] = await Promise.all([
      new Response(readable).text(),
      new Blob([text]).stream().pipeTo(writable),
    ]);
    assert.ok(answer === text);
  },

  async "measures the containers that run, and no others"(bench) {
    if (!bench.has("stats")) return;
    const ended = bench.pod({ args: ["exit", "0"] });
    const running = bench.pod({ args: ["spin"] });
    for (const pod of [ended, running]) await bench.create(pod);
    await bench.phase(ended, "Succeeded");
    await bench.phase(running, "Running");
    const { containers } = await bench.stats();
    const [sample] = containers;
    assert.equal(containers.length, 1);
    assert.equal(sample?.podUid, running.metadata?.uid);
    assert.equal(sample?.container, "web");
    assert.ok(sample.startedAt <= sample.at && sample.memoryBytes > 0);
    const { cpuNanos } = (await bench.stats()).containers[0] ?? {};
    assert.ok((cpuNanos ?? -1) >= sample.cpuNanos);
  },
};

function manyLines(count: number): string {
  let text = "";
  for (let i = 1; i <= count; i++) text += `line ${i}\n`;
  return text;
}

function isRefused(
  status: ContainerStatus | undefined,
  field: string,
): boolean {
  return status?.state?.waiting?.message?.startsWith(`${field}: `) ?? false;
}
