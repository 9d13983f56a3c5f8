import { delay } from "../../async/delay.ts";
import { KubeClient } from "../../k8s/client.ts";
import { loadCredentials } from "../../k8s/kubeconfig.ts";
import { apiPath } from "../../k8s/paths.ts";
import type { Pod } from "../../k8s/types.ts";
import { eventually } from "../agent_process.ts";
import { SshAgent } from "../ssh_agent.ts";
import { busyboxImage, startHost, type TestHost } from "../ssh_hosts.ts";
import { type Figure, percentile, round } from "./figures.ts";
import { type BenchStage, nodeReady, residentMib } from "./node_bench.ts";
import { singlePodLatencies } from "./pod_burst.ts";

const manyHosts = 20;
const logBytes = 256 * 1024 * 1024;
/** How long the agent's use of the CPU at rest is measured. */
const restMs = 30_000;

/** A remote host with Podman behind a real sshd: latency of pods, throughput of logs. */
export async function benchSsh(
  stage: BenchStage,
): Promise<readonly Figure[]> {
  const { cluster, signal } = stage;
  const { kubeconfig } = cluster;
  using client = new KubeClient(await loadCredentials({ kubeconfig, env: {} }));
  await using host = await startHost({ images: true });
  await using agent = await SshAgent.open({ ...stage, hosts: [host] });
  const [node = ""] = agent.nodes;
  await nodeReady(client, { node, signal });
  const runs: number[] = [];
  const pods: number[] = [];
  // By turns, so that both meet the same machine.
  for (let turn = 0; turn < 4; turn++) {
    runs.push(...await podmanRuns(host, 5));
    pods.push(
      ...await singlePodLatencies(client, {
        ...{ node, count: 5, image: busyboxImage, signal },
      }),
    );
  }
  const ratio = percentile(pods, 50) / percentile(runs, 50);
  const logs = [
    ...await benchLog(stage, client, { host, agent, node, lineBytes: 1024 }),
    // kubectl writes line by line, which takes it longer than all the rest.
    ...await benchLog(stage, client, { host, agent, node, lineBytes: 128 }),
  ];
  return [{
    what: "SSH host: pod with a present image, creation to Running, p50 of 20",
    measured: `${Math.round(percentile(pods, 50))} ms`,
    wanted: "under 1000 ms",
  }, {
    what: "the same, p99",
    measured: `${Math.round(percentile(pods, 99))} ms`,
    wanted: "under 2500 ms",
  }, {
    what: `the same against "ssh host podman run -d" (p50 ${
      Math.round(percentile(runs, 50))
    } ms)`,
    measured: `${round(ratio)} times`,
    wanted: "at most 1.5 times",
  }, ...logs];
}

/** `kubectl logs` of a large log, against `ssh host cat` of as many bytes. */
async function benchLog(
  { cluster, signal }: BenchStage,
  client: KubeClient,
  { host, agent, node: nodeName, lineBytes }: {
    readonly host: TestHost;
    readonly agent: SshAgent;
    readonly node: string;
    readonly lineBytes: number;
  },
): Promise<readonly Figure[]> {
  const name = `large-log-${lineBytes}`;
  const line = "x".repeat(lineBytes - 1);
  const lines = `yes ${line} | head -c ${logBytes}`;
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName,
      automountServiceAccountToken: false,
      restartPolicy: "Never",
      containers: [{
        name: "main",
        image: busyboxImage,
        imagePullPolicy: "IfNotPresent",
        command: ["sh", "-c", lines],
      }],
    },
  };
  await client.create(apiPath("v1", "pods", { namespace: "default" }), pod, {
    signal,
  });
  const path = apiPath("v1", "pods", { namespace: "default", name });
  await eventually(async () => {
    const { status } = await client.get<Pod>(path, { signal }) ?? {};
    if (status?.phase !== "Succeeded") throw new Error(`${name} still runs`);
  }, { limit: 300_000 });
  await host.shell(`${lines} > /root/plain`);
  const cats: number[] = [];
  const reads: number[] = [];
  const direct: number[] = [];
  const { command, env } = cluster.kubectlCommand(["logs", name]);
  let bytes = 0;
  for (let turn = 0; turn < 3; turn++) {
    cats.push((await drain(sshCommand(host, "cat /root/plain"))).mbPerSecond);
    const read = await drain(command, env);
    bytes = read.bytes;
    reads.push(read.mbPerSecond);
    const url = `http://agent/containerLogs/default/${name}/main`;
    direct.push(
      (await drain(["curl", "-sS", "--unix-socket", agent.socket, url]))
        .mbPerSecond,
    );
  }
  await client.delete(path, { signal });
  const best = (rates: readonly number[]) => Math.round(Math.max(...rates));
  const times = (rates: readonly number[]) =>
    `${best(rates)} MB/s, ${
      Math.round(best(rates) / best(cats) * 100) / 100
    } times`;
  const kept = Math.round(bytes / 1024 / 1024);
  return [{
    what:
      `kubectl logs of ${kept} MiB in lines of ${lineBytes} bytes, against "ssh host cat" (${
        best(cats)
      } MB/s), best of 3`,
    measured: times(reads),
    ...(lineBytes > 128 && { wanted: "at least 0.5 times" }),
  }, {
    what: "the same log by the kubelet API's local socket",
    measured: times(direct),
  }];
}

/** One agent with many hosts, none of which has a pod. */
export async function benchHosts(
  stage: BenchStage,
): Promise<readonly Figure[]> {
  const { cluster, signal } = stage;
  const { kubeconfig } = cluster;
  using client = new KubeClient(await loadCredentials({ kubeconfig, env: {} }));
  await using booted = new AsyncDisposableStack();
  const hosts: TestHost[] = [];
  for (let i = 0; i < manyHosts; i++) {
    hosts.push(booted.use(await startHost()));
  }
  await using agent = await SshAgent.open({ ...stage, hosts });
  const begun = performance.now();
  for (const node of agent.nodes) await nodeReady(client, { node, signal });
  const readyMs = performance.now() - begun;
  await delay(20_000, { signal }); // What a start needs is over then.
  const before = await cpuSeconds(agent.pid);
  await delay(restMs, { signal });
  const used = await cpuSeconds(agent.pid) - before;
  const percent = used / (restMs / 1000) * 100;
  return [{
    what: `${manyHosts} hosts as nodes from one agent: all Ready after`,
    measured: `${Math.round(readyMs)} ms`,
  }, {
    what: "the same, resident memory at rest",
    measured: `${round(await residentMib(agent.pid) * 1.048576)} MB`,
    wanted: "under 160 MB",
  }, {
    what: "the same, share of a core at rest",
    measured: `${round(percent)} %`,
    wanted: "under 5 %",
  }];
}

async function podmanRuns(
  host: TestHost,
  count: number,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const begun = performance.now();
    await drain(sshCommand(host, `podman run -d ${busyboxImage} sleep 1000`));
    times.push(performance.now() - begun);
    await host.shell("podman rm -f -t 0 -l >/dev/null");
  }
  return times;
}

function sshCommand(
  { address, keyFile, knownHosts }: TestHost,
  script: string,
): readonly [string, ...string[]] {
  return [
    "ssh",
    "-i",
    keyFile,
    "-o",
    `UserKnownHostsFile=${knownHosts}`,
    `root@${address}`,
    script,
  ];
}

/** Runs a command and reads all of its output. */
async function drain(
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly bytes: number; readonly mbPerSecond: number }> {
  const begun = performance.now();
  const child = new Deno.Command(program, {
    args,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let bytes = 0;
  for await (const chunk of child.stdout) bytes += chunk.length;
  const { success } = await child.status;
  if (!success) throw new Error(`Cannot run ${program} ${args.join(" ")}`);
  const seconds = (performance.now() - begun) / 1000;
  return { bytes, mbPerSecond: bytes / 1e6 / seconds };
}

/** User and system time of a process; the clock of /proc ticks 100 times a second. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
