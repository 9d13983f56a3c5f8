import assert from "node:assert/strict";
import type { AbortOptions } from "../async/abort.ts";
import type { ConfigMap, Container, Pod, PodStatus } from "../k8s/types.ts";
import { PodEngine } from "../pods/engine.ts";
import { FileObjects } from "../pods/file_objects.ts";
import type { PodProvider } from "../providers/pod_provider.ts";
import type { Provider } from "../providers/provider.ts";
import type {
  ContainerRef,
  LogOptions,
  PortConnection,
  ProcessStreams,
} from "../providers/runtime.ts";
import type { RuntimeStats } from "../providers/samples.ts";

/** What {@linkcode testProvider} tests: a provider, and a program that it can run. */
export interface ProviderUnderTest extends AsyncDisposable {
  readonly provider: Provider;
  /**
   * An image that understands these arguments, one after the other: `echo TEXT`, `err TEXT`,
   * `exit CODE`, `sleep MS`, `spin` (for ever), `cat FILE`, `write FILE TEXT`, `env NAME`,
   * `lines COUNT` (`line 1`, `line 2`, …).
   */
  readonly image: string;
  /**
   * The words before such arguments in a command of exec: none unless given. `cat` as its last word
   * copies standard input, unless `inputVerb` names another verb that does.
   */
  readonly command?: readonly string[];
  readonly inputVerb?: string;
  /** Whether the image understands `listen PORT`: answers on a port with what it is sent. */
  readonly listens?: boolean;
}

/** The only object beside the pods. */
const motd: ConfigMap = {
  metadata: { name: "motd", namespace: "default" },
  data: { motd: "be kind\n" },
};

/** One provider at work, with what the cases need to drive it. */
export class ProviderBench implements AsyncDisposable {
  readonly provider: Provider;
  readonly pods: PodProvider;
  readonly options: AbortOptions;
  readonly #image: string;
  readonly #subject: ProviderUnderTest;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(subject: ProviderUnderTest) {
    this.#subject = subject;
    this.provider = subject.provider;
    this.#image = subject.image;

    const { signal } = this.#stop;
    this.options = { signal };
    if ("pods" in subject.provider) {
      this.pods = subject.provider.pods;
      this.#running = Promise.resolve();
      return;
    }
    const { provider } = subject;
    const { runtime } = subject.provider;
    const engine = new PodEngine({
      runtime,
      runtimeName: subject.provider.name,
      objects: new FileObjects({ configMaps: [motd], secrets: [] }),
      events: { record() {} },
      node: () => ({ ips: ["192.0.2.1"], allocatable: {} }),
      refusals: (pod) => provider.refusals?.(pod) ?? [],
    });
    this.pods = engine;
    this.#running = engine.run({ signal });
  }

  container(name: string): Container {
    return { name, image: this.#image };
  }

  /** A pod of one container, `restartPolicy: Never`. */
  pod(container: Partial<Container>, name = `pod-${crypto.randomUUID()}`): Pod {
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", uid: crypto.randomUUID() },
      spec: {
        restartPolicy: "Never",
        initContainers: [],
        containers: [{ ...this.container("web"), ...container }],
        volumes: [],
      },
    };
  }

  create(pod: Pod): Promise<void> {
    return this.pods.createPod(pod, this.options);
  }

  delete(
    pod: Pod,
    { graceSeconds }: { readonly graceSeconds: number },
  ): Promise<PodStatus | undefined> {
    const options = { ...this.options, graceSeconds };
    return this.pods.deletePod(uidOf(pod), options);
  }

  status(pod: Pod): Promise<PodStatus | undefined> {
    return this.pods.getPodStatus(uidOf(pod), this.options);
  }

  phase(pod: Pod, phase: string): Promise<PodStatus> {
    return this.until(pod, (status) => status.phase === phase);
  }

  /** The first status that is as wanted; fails after 20 seconds, showing the last one. */
  async until(
    pod: Pod,
    wanted: (status: PodStatus) => boolean,
  ): Promise<PodStatus> {
    const deadline = AbortSignal.timeout(20_000);
    const signal = AbortSignal.any([deadline, this.#stop.signal]);
    for await (const _uid of this.pods.changes({ signal })) {
      const status = await this.status(pod);
      if (status && wanted(status)) return status;
    }
    const last = JSON.stringify(await this.status(pod), undefined, 2);
    throw new assert.AssertionError({
      message: `Pod did not get there; its last status is ${last}`,
    });
  }

  async logs(pod: Pod, options: Partial<LogOptions> = {}): Promise<string> {
    const { readLogs } = this.pods;
    assert.ok(readLogs, "the provider has no logs");
    const stream = readLogs.call(this.pods, refOf(pod), {
      follow: false,
      previous: false,
      timestamps: false,
      ...options,
      signal: this.#soon(),
    });
    return await new Response(stream).text();
  }

  /** Whether the provider has a method that it may lack. */
  has(capability: "exec" | "attach" | "portForward" | "stats"): boolean {
    return this.pods[capability] !== undefined;
  }

  get listens(): boolean {
    return this.#subject.listens ?? false;
  }

  /** The command that has the arguments done in a container. */
  commandOf(args: readonly string[]): string[] {
    return [...this.#subject.command ?? [], ...args];
  }

  /** Runs the arguments by exec in the pod's container, and gives what came of it. */
  async exec(
    pod: Pod,
    args: readonly string[],
    { signal = this.#soon(), ...streams }:
      & ProcessStreams
      & Partial<AbortOptions> = {},
  ): Promise<ExecResult> {
    const { inputVerb = "cat" } = this.#subject;
    const words = args.map((word) => word === "<stdin>" ? inputVerb : word);
    const stdout = new Collected();
    const stderr = new Collected();
    const code = await this.pods.exec?.(refOf(pod), this.commandOf(words), {
      stdout: stdout.sink,
      stderr: stderr.sink,
      ...streams,
      signal,
    });
    // Fails if they are locked or closed.
    await Promise.all([stdout.sink.close(), stderr.sink.close()]);
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  /** Connects to the container until it ends, and gives what it wrote meanwhile. */
  async attach(pod: Pod): Promise<string> {
    const stdout = new Collected();
    const options = { stdout: stdout.sink, signal: this.#soon() };
    await this.pods.attach?.(refOf(pod), options);
    return stdout.text;
  }

  async portForward(pod: Pod, port: number): Promise<PortConnection> {
    const options = { signal: this.#soon() };
    const connection = await this.pods.portForward?.(uidOf(pod), port, options);
    assert.ok(connection, "the provider has no port-forward");
    return connection;
  }

  async stats(): Promise<RuntimeStats> {
    const stats = await this.pods.stats?.(this.options);
    assert.ok(stats, "the provider has no stats");
    return stats;
  }

  #soon(): AbortSignal {
    return AbortSignal.any([this.#stop.signal, AbortSignal.timeout(20_000)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#subject[Symbol.asyncDispose]();
  }
}

/** What a command of exec did; `code` is undefined where there is no exec. */
export interface ExecResult {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Keeps what is written to it. */
class Collected {
  readonly sink: WritableStream<Uint8Array>;
  text = "";

  constructor() {
    const decoder = new TextDecoder();
    this.sink = new WritableStream({
      write: (chunk) => {
        this.text += decoder.decode(chunk, { stream: true });
      },
    });
  }
}

function refOf(pod: Pod): ContainerRef {
  return { podUid: uidOf(pod), container: "web" };
}

function uidOf({ metadata }: Pod): string {
  assert.ok(metadata?.uid);
  return metadata.uid;
}
