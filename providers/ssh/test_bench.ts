/** For tests: a runtime over a throw-away host with a real engine. */
import type { AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import {
  busyboxImage,
  sshHostsMissing,
  startHost,
  suiteImages,
  type TestHost,
} from "../../tests/ssh_hosts.ts";
import { UnreachableError } from "../errors.ts";
import type { ContainerSpec, SandboxSpec } from "../container_spec.ts";
import type {
  Exit,
  LogOptions,
  ObservedContainer,
  ObservedPod,
} from "../runtime.ts";
import { openEngine } from "./engine/discover.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { PauseImage } from "./pause_image.ts";
import { PodFiles } from "./pod_files.ts";
import { SshRuntime } from "./runtime.ts";
import { containerSpec, sandboxSpec } from "./test_records.ts";
import { connectHost, type SshHost } from "./transport/ssh_host.ts";
import type { SshTarget } from "./transport/target.ts";

/** How to reach a throw-away host. */
export function targetOf({ address, keyFile }: TestHost): SshTarget {
  return {
    host: address,
    port: 22,
    user: "root",
    identities: [{
      source: keyFile,
      privateKey: () => Deno.readTextFile(keyFile),
    }],
    knownHosts: {
      algorithms: () => [],
      verify: () => ({ kind: "trusted" }),
    },
  };
}

/** The engines that are tested with. */
export type EngineKind = "podman" | "docker";

/** Why there can be no host with that engine, in one line; undefined if there can. */
export function engineMissing(kind: EngineKind): string | undefined {
  const missing = sshHostsMissing();
  if (missing !== undefined || kind === "podman") return missing;
  try {
    Deno.statSync("/usr/sbin/dockerd");
    return undefined;
  } catch {
    return "not installed: dockerd";
  }
}

/** Boots a host with the engine, and the images of the Kubernetes suite. */
export async function startEngineHost(kind: EngineKind): Promise<TestHost> {
  if (kind === "podman") return await startHost({ images: true });
  const machine = await startHost({ engine: false });
  await startEngine(machine, kind);
  await machine.shell(
    `zstd -dc ${suiteImages()} | docker -H unix:///run/docker.sock load -q`,
  );
  return machine;
}

/** Starts the service of the engine, where it does not run. */
export async function startEngine(
  machine: TestHost,
  kind: EngineKind,
): Promise<void> {
  const [command, socket] = kind === "podman"
    ? [
      "podman system service --time 0 unix:///run/podman/podman.sock",
      "/run/podman/podman.sock",
    ]
    : [
      "dockerd --data-root /root/docker --exec-root /run/docker --pidfile /run/dockerd.pid -H unix:///run/docker.sock --default-ulimit nofile=20000:20000",
      "/run/docker.sock",
    ];
  await machine.shell(`
    rm -f ${socket} /run/dockerd.pid
    setsid ${command} >/root/engine.log 2>&1 </dev/null &
    until curl -s --unix-socket ${socket} http://engine/_ping; do sleep 0.05; done`);
}

/** Where farlet's files are on such a host: on a disk that it has for itself. */
export const hostRoot = "/root/farlet";

/** One agent's runtime; {@linkcode SshBench.reopen} makes it the next agent's. */
export class SshBench implements AsyncDisposable {
  readonly machine: TestHost;
  readonly options: AbortOptions;
  readonly node: string;
  #agent: Agent;

  private constructor(
    machine: TestHost,
    { node, agent, options }: {
      readonly node: string;
      readonly agent: Agent;
      readonly options: AbortOptions;
    },
  ) {
    this.machine = machine;
    this.node = node;
    this.options = options;
    this.#agent = agent;
  }

  static async open(machine: TestHost, node = "node-1"): Promise<SshBench> {
    const options = { signal: AbortSignal.timeout(120_000) };
    const agent = await Agent.open(machine, node, options);
    return new SshBench(machine, { node, agent, options });
  }

  get host(): SshHost {
    return this.#agent.host;
  }

  get engine(): EngineClient {
    return this.#agent.engine;
  }

  get runtime(): SshRuntime {
    return this.#agent.runtime;
  }

  /** Ends the agent and starts another. */
  async reopen(): Promise<void> {
    await this.#agent[Symbol.asyncDispose]();
    this.#agent = await Agent.open(this.machine, this.node, this.options);
  }

  async createSandbox(more: Partial<SandboxSpec> = {}): Promise<void> {
    await this.runtime.createSandbox(sandboxSpec(more), this.options);
  }

  /** Starts `sh -c SCRIPT` as container `web` of the pod. */
  async start(
    script: string,
    more: Partial<ContainerSpec> = {},
    uid = "uid-1",
  ): Promise<void> {
    const image = await this.engine.inspectImage(busyboxImage, this.options);
    const spec = containerSpec({
      image: busyboxImage,
      imageId: image?.Id ?? "",
      command: ["sh", "-c", script],
      ...more,
    });
    await this.runtime.startContainer(uid, spec, this.options);
  }

  observe(uid = "uid-1"): Promise<ObservedPod> {
    return this.runtime.observe(uid, this.options);
  }

  async container(
    name = "web",
    uid = "uid-1",
  ): Promise<ObservedContainer | undefined> {
    const { containers } = await this.observe(uid);
    return containers.find((each) => each.name === name);
  }

  /** The first observation that is as wanted. */
  async until(
    wanted: (pod: ObservedPod) => boolean,
    uid = "uid-1",
    timeout = 15_000,
  ): Promise<ObservedPod> {
    const watching = new AbortController();
    const deadline = AbortSignal.timeout(timeout);
    const signal = AbortSignal.any([
      this.options.signal,
      deadline,
      watching.signal,
    ]);
    try {
      for await (const _ of this.runtime.changes({ signal })) {
        const pod = await this.#observed(uid);
        if (pod !== undefined && wanted(pod)) return pod;
      }
    } finally {
      watching.abort();
    }
    const last = JSON.stringify(await this.observe(uid));
    throw new Error(`The pod did not get there: ${last}`);
  }

  /** Undefined while the host cannot be reached. */
  async #observed(uid: string): Promise<ObservedPod | undefined> {
    try {
      return await this.observe(uid);
    } catch (error) {
      if (error instanceof UnreachableError) return undefined;
      throw error;
    }
  }

  /** Waits for a container to end. */
  async exit(name = "web", uid = "uid-1", timeout?: number): Promise<Exit> {
    const hasEnded = ({ containers }: ObservedPod) =>
      containers.some((each) =>
        each.name === name && each.state.kind === "terminated"
      );
    const pod = await this.until(hasEnded, uid, timeout);
    const state = pod.containers.find((each) => each.name === name)?.state;
    if (state?.kind === "terminated") return state.exit;
    throw new Error("unreachable");
  }

  async stop(graceSeconds: number, container = "web"): Promise<void> {
    const ref = { podUid: "uid-1", container };
    await this.runtime.stopContainer(ref, { graceSeconds, ...this.options });
  }

  async logs(more: Partial<LogOptions> = {}): Promise<string> {
    const ref = { podUid: "uid-1", container: "web" };
    const stream = this.runtime.readLogs(ref, {
      follow: false,
      previous: false,
      timestamps: false,
      ...more,
      ...this.options,
    });
    return await new Response(stream).text();
  }

  /** Resolves once the container has written `text`. */
  async untilLogged(text: string): Promise<void> {
    while (!(await this.logs()).includes(text)) {
      await delay(50, this.options);
    }
  }

  /** Removes what the node has on the host. */
  async clear(): Promise<void> {
    const options = { signal: AbortSignal.timeout(30_000) };
    for (const { uid } of await this.runtime.listPods(options)) {
      await this.runtime.removeSandbox(uid, options);
    }
  }

  /** The names of all containers on the host. */
  async names(): Promise<readonly string[]> {
    const all = await this.engine.listContainers({
      labels: [],
      ...this.options,
    });
    return all.flatMap(({ Names = [] }) => Names).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent[Symbol.asyncDispose]();
  }
}

/** A connection, and a runtime over it. */
class Agent implements AsyncDisposable {
  readonly host: SshHost;
  readonly engine: EngineClient;
  readonly runtime: SshRuntime;

  constructor(host: SshHost, engine: EngineClient, runtime: SshRuntime) {
    this.host = host;
    this.engine = engine;
    this.runtime = runtime;
  }

  static async open(
    machine: TestHost,
    node: string,
    options: AbortOptions,
  ): Promise<Agent> {
    const host = connectHost(targetOf(machine), options);
    await host.connected(options);
    const engine = await openEngine(host, options);
    const runtime = await SshRuntime.open({
      host,
      engine: () => engine,
      files: new PodFiles(host, { node, root: hostRoot }),
      nodeName: node,
      pauseImage: new PauseImage(engine),
    }, options);
    return new Agent(host, engine, runtime);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime[Symbol.asyncDispose]();
    this.engine.closeIdle();
    await this.host[Symbol.asyncDispose]();
  }
}
