import assert from "node:assert/strict";
import { dirname } from "node:path";
import type { Container, ContainerStatus, Node, Pod } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { apply, condition, get } from "./cluster_pods.ts";
import type { ControlPlane } from "./controlplane.ts";
import { SshAgent } from "./ssh_agent.ts";
import { busyboxImage, startHost, type TestHost } from "./ssh_hosts.ts";

/** One cluster with one agent that makes a node of one host. */
export interface SshStage {
  readonly cluster: ControlPlane;
  readonly host: TestHost;
  readonly agent: SshAgent;
}

/** What tests do on a stage, one after the other, by what they claim. */
export type StageSteps = Readonly<
  Record<string, (stage: SshStage) => Promise<void>>
>;

/** The image of most pods: it has a shell. */
export const image = busyboxImage;

/**
 * A host with an agent of its own; `before` changes the host while nobody knows it, `node` has
 * further fields of the node's configuration.
 */
export async function openStage(
  cluster: ControlPlane,
  before: (host: TestHost) => Promise<unknown> = () => Promise.resolve(),
  node: Readonly<Record<string, unknown>> = {},
): Promise<SshStage & AsyncDisposable> {
  await using scope = new AsyncDisposableStack();
  const host = scope.use(await startHost({ images: true }));
  await before(host);
  const agent = scope.use(
    await SshAgent.open({ cluster, hosts: [host], node }),
  );
  const resources = scope.move();
  return {
    cluster,
    host,
    agent,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Resolves once the conditions of the stage's node are these: `True KubeletReady`. */
export async function nodeIs(
  { cluster, host }: SshStage,
  wanted: Readonly<Record<string, RegExp>>,
  options: { readonly limit?: number } = {},
): Promise<void> {
  await eventually(async () => {
    const node = await get<Node>(cluster, `node/${host.name}`);
    for (const [type, value] of Object.entries(wanted)) {
      assert.match(condition(node, type) ?? "", value, type);
    }
  }, options);
}

/** Creates a pod of a shell script on the stage's node. */
export async function runScript(
  { cluster, host }: SshStage,
  name: string,
  script: string,
  spec: Partial<NonNullable<Pod["spec"]>> = {},
  container: Partial<Container> = {},
): Promise<void> {
  await apply(
    cluster,
    name,
    { image, command: ["sh", "-c", script], ...container },
    { nodeName: host.name, ...spec },
  );
}

/** The pod's first container, as its status shows it. */
export async function firstContainer(
  { cluster }: SshStage,
  name: string,
): Promise<ContainerStatus> {
  const { status } = await get<Pod>(cluster, `pod/${name}`);
  const [first] = status?.containerStatuses ?? [];
  assert.ok(first, `no container of "${name}" yet`);
  return first;
}

/** Waits until the container of a pod runs for so many restarts. */
export async function runsAgain(
  stage: SshStage,
  name: string,
  restarts: number,
): Promise<ContainerStatus> {
  return await eventually(async () => {
    const first = await firstContainer(stage, name);
    assert.ok(first.state?.running, JSON.stringify(first));
    assert.equal(first.restartCount, restarts);
    return first;
  }, { limit: 60_000 });
}

/** The IDs of the running containers that the host has of a pod, its sandbox's among them. */
export async function runningOn(
  { host }: SshStage,
  pod: string,
): Promise<readonly string[]> {
  const filter = `label=io.kubernetes.pod.name=${pod}`;
  const ids = await host.exec("podman", "ps", "-q", "--filter", filter);
  return ids.split("\n").filter((id) => id !== "");
}

/** A script that counts, and what its log is: no number twice, none left out. */
export const ticking = "i=0; while :; do echo $((i += 1)); sleep 0.2; done";

/** Asserts that a log of {@linkcode ticking} has each number once, up to more than `least`. */
export function assertTicks(log: string, least = 0): number {
  const numbers = log.trim().split("\n").map(Number);
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1));
  assert.ok(numbers.length > least, `${numbers.length} ticks`);
  return numbers.length;
}

/** Ends sshd with all its sessions, as a crash does. */
export async function killSshd(host: TestHost): Promise<void> {
  await host.shell(`
    kill -9 $(pgrep -x sshd)
    while pgrep -x sshd >/dev/null; do sleep 0.05; done`);
}

/** Starts sshd with the host's settings, which `sed` changes by a script of its own. */
export async function startSshd(
  host: TestHost,
  sed = "",
): Promise<void> {
  const dir = dirname(host.keyFile);
  await host.shell(`
    sed -i '${sed}' ${dir}/sshd_config
    setsid /usr/sbin/sshd -D -e -f ${dir}/sshd_config >>/run/sshd.log 2>&1 </dev/null &`);
}

/** Ends Podman's service; its containers go on. */
export async function killEngine({ host }: SshStage): Promise<void> {
  await host.shell("kill -9 $(pgrep -xf 'podman system service .*')");
}

/** Starts Podman's service again. */
export async function startEngine({ host }: SshStage): Promise<void> {
  const dir = dirname(host.keyFile);
  await host.shell(`
    export CONTAINERS_CONF=${dir}/containers.conf
    setsid podman system service --time 0 unix:///run/podman/podman.sock >/dev/null 2>&1 </dev/null &`);
}

/** Tells how long something took, for those who compare figures. */
export async function timed(
  what: string,
  run: () => Promise<unknown>,
): Promise<number> {
  const begun = performance.now();
  await run();
  const took = performance.now() - begun;
  const line = `    ${what}: ${(took / 1000).toFixed(1)} s\n`;
  await Deno.stderr.write(new TextEncoder().encode(line));
  return took;
}
