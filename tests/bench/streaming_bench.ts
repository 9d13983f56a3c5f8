import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { KubeClient } from "../../k8s/client.ts";
import { loadCredentials } from "../../k8s/kubeconfig.ts";
import { AgentProcess } from "../agent_process.ts";
import { apply, phase } from "../cluster_pods.ts";
import { ApiExec } from "./api_exec.ts";
import { type Figure, percentile } from "./figures.ts";
import { type BenchStage, nodeReady } from "./node_bench.ts";

const mebi = 2 ** 20;
const execBytes = 512 * mebi;
const copyBytes = 256 * mebi;

/** Exec, cp and log followers through kube-apiserver on loopback. */
export async function benchStreaming(
  stage: BenchStage,
): Promise<readonly Figure[]> {
  return [...await benchMemory(stage), ...await benchCopy(stage)];
}

/** A node of the memory provider, whose commands cost next to nothing. */
async function benchMemory(stage: BenchStage): Promise<readonly Figure[]> {
  const { cluster, signal } = stage;
  await using _agent = await startNode(stage, "bench-exec", {
    provider: "memory",
    ...(stage.program === undefined ? {} : { program: stage.program }),
  });
  const spec = { nodeName: "bench-exec" };
  await apply(cluster, "still", { image: "program", args: ["spin"] }, spec);
  await phase(cluster, "still", "Running");
  const { kubeconfig } = cluster;
  const credentials = await loadCredentials({ kubeconfig, env: {} });
  const kubectl = `kubectl exec still -- bytes ${execBytes}`;
  const out = await seconds(
    stage,
    `${kubectl} | wc -c | grep -qx ${execBytes}`,
  );
  const sink = `kubectl exec -i still -- sink | grep -qx ${execBytes}`;
  const into = await seconds(
    stage,
    `head -c ${execBytes} /dev/zero | ${sink}`,
  );
  const first: number[] = [];
  for (let i = 0; i < 20; i++) {
    let begun = 0;
    const command = ["echo", "hello"];
    using exec = await ApiExec.start(credentials, "still", command, () => {
      begun = performance.now();
    });
    assert.equal(await exec.read(), "hello\n");
    first.push(performance.now() - begun);
  }
  const many = await manySessions(credentials, 200);
  const followers = await manyFollowers(stage, spec, 500);
  return [
    {
      what: `kubectl exec, ${execBytes / mebi} MiB out`,
      measured: rate(execBytes, out),
      wanted: "at least 100 MB/s",
    },
    {
      what: `kubectl exec -i, ${execBytes / mebi} MiB in`,
      measured: rate(execBytes, into),
      wanted: "at least 100 MB/s",
    },
    {
      what: "first byte of exec, from the request on, median of 20",
      measured: `${Math.round(percentile(first, 50))} ms (slowest ${
        Math.round(Math.max(...first))
      } ms)`,
      wanted: "under 50 ms",
    },
    { what: "200 exec sessions at once", measured: many, wanted: "no error" },
    {
      what: "500 log followers at once",
      measured: followers,
      wanted: "no error",
    },
  ].map((figure) => {
    signal.throwIfAborted();
    return figure;
  });
}

/** `kubectl cp` with a real tar on both sides. */
async function benchCopy(stage: BenchStage): Promise<readonly Figure[]> {
  const { cluster } = stage;
  const agent = fileURLToPath(new URL("../process_agent.ts", import.meta.url));
  await using _agent = await startNode(stage, "bench-cp", {
    provider: "memory", // It has one of its own.
    program: [
      ...[Deno.execPath(), "run", "-A", "--v8-flags=--max-semi-space-size=2"],
      agent,
    ],
  });
  const sleep = { image: "/bin/sleep", args: ["1000"] };
  await apply(cluster, "copy", sleep, { nodeName: "bench-cp" });
  await phase(cluster, "copy", "Running");
  const dir = await Deno.makeTempDir();
  await shell(stage, `head -c ${copyBytes} /dev/urandom > ${dir}/from`);
  await shell(stage, `mkdir ${dir}/pod`);
  const into = await seconds(
    stage,
    `kubectl cp ${dir}/from copy:${dir}/pod/it`,
  );
  const back = await seconds(stage, `kubectl cp copy:${dir}/pod/it ${dir}/to`);
  await shell(stage, `cmp ${dir}/from ${dir}/to`);
  await Deno.remove(dir, { recursive: true });
  return [
    {
      what: `kubectl cp, ${copyBytes / mebi} MiB into a container`,
      measured: rate(copyBytes, into),
      wanted: "at least 100 MB/s",
    },
    {
      what: `kubectl cp, ${copyBytes / mebi} MiB out of a container`,
      measured: rate(copyBytes, back),
      wanted: "at least 100 MB/s",
    },
  ];
}

/** An agent whose node is ready, and its state removed with it. */
async function startNode(
  { cluster, signal }: BenchStage,
  nodeName: string,
  options: Partial<Parameters<typeof AgentProcess.start>[0]>,
): Promise<AsyncDisposable> {
  await using scope = new AsyncDisposableStack();
  const stateDir = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(stateDir, { recursive: true }));
  const { kubeconfig } = cluster;
  scope.use(AgentProcess.start({ kubeconfig, nodeName, stateDir, ...options }));
  using client = new KubeClient(await loadCredentials({ kubeconfig, env: {} }));
  await nodeReady(client, { node: nodeName, signal });
  return scope.move();
}

/** All of them are open before the first one says something. */
async function manySessions(
  credentials: Awaited<ReturnType<typeof loadCredentials>>,
  count: number,
): Promise<string> {
  const begun = performance.now();
  const sessions = await Promise.all(
    Array.from(
      { length: count },
      () => ApiExec.start(credentials, "still", ["cat"]),
    ),
  );
  await Promise.all(sessions.map(async (session, i) => {
    using _ = session;
    await session.send(`hello ${i}`);
    assert.equal(await session.read(), `hello ${i}`);
    await session.end();
    assert.equal(await session.read(), undefined);
    assert.equal(session.status, "Success");
  }));
  return `no error, ${Math.round(performance.now() - begun)} ms in all`;
}

/** Each of them gets the line before and the line after it began to follow. */
async function manyFollowers(
  { cluster, signal }: BenchStage,
  spec: { readonly nodeName: string },
  count: number,
): Promise<string> {
  const args = ["echo", "one", "sleep", "15000", "echo", "two"];
  await apply(cluster, "talker", { image: "program", args }, spec);
  await phase(cluster, "talker", "Running");
  const { kubeconfig } = cluster;
  const { server, caCertificates, clientCertificate } = await loadCredentials({
    kubeconfig,
    env: {},
  });
  using client = Deno.createHttpClient({
    caCerts: [...caCertificates],
    cert: clientCertificate?.certificate ?? "",
    key: clientCertificate?.key ?? "",
    http2: false,
  });
  const url = `${server}/api/v1/namespaces/default/pods/talker/log?follow=true`;
  const texts = await Promise.all(Array.from({ length: count }, async () => {
    const response = await fetch(url, { client, signal });
    assert.equal(response.status, 200);
    return await response.text();
  }));
  assert.deepEqual([...new Set(texts)], ["one\ntwo\n"]);
  return "no error";
}

async function seconds(stage: BenchStage, script: string): Promise<number> {
  const begun = performance.now();
  await shell(stage, script);
  return (performance.now() - begun) / 1000;
}

/** Runs a script with kubectl on its path. */
async function shell({ cluster }: BenchStage, script: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("bash", {
    args: ["-o", "pipefail", "-c", script],
    env: {
      KUBECONFIG: cluster.kubeconfig,
      PATH: `${cluster.bin}:${Deno.env.get("PATH") ?? ""}`,
    },
    stdout: "null",
    stderr: "piped",
  }).output();
  const why = new TextDecoder().decode(stderr);
  assert.ok(success, `${script}: ${why}`);
}

function rate(bytes: number, seconds: number): string {
  return `${Math.round(bytes / 1e6 / seconds)} MB/s`;
}
