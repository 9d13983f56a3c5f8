import assert from "node:assert/strict";
import type { AbortOptions } from "../async/abort.ts";
import type { ConfigMap, Container, Pod, PodStatus } from "../k8s/types.ts";
import { PodEngine } from "../pods/engine.ts";
import { FileObjects } from "../pods/file_objects.ts";
import type { PodProvider } from "../providers/pod_provider.ts";
import type { Provider } from "../providers/provider.ts";
import type { LogOptions } from "../providers/runtime.ts";

/** What {@linkcode testProvider} tests: a provider, and a program that it can run. */
export interface ProviderUnderTest extends AsyncDisposable {
  readonly provider: Provider;
  /**
   * An image that understands these arguments, one after the other: `echo TEXT`, `err TEXT`,
   * `exit CODE`, `sleep MS`, `spin` (for ever), `cat FILE`, `write FILE TEXT`, `env NAME`,
   * `lines COUNT` (`line 1`, `line 2`, …).
   */
  readonly image: string;
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
  readonly #subject: AsyncDisposable;
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
    const { runtime, refusals } = subject.provider;
    const engine = new PodEngine({
      runtime,
      runtimeName: subject.provider.name,
      objects: new FileObjects({ configMaps: [motd], secrets: [] }),
      events: { record() {} },
      node: () => ({ ips: ["192.0.2.1"], allocatable: {} }),
      refusals: (pod) => refusals?.(pod) ?? [],
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
    const ref = { podUid: uidOf(pod), container: "web" };
    const stream = readLogs.call(this.pods, ref, {
      follow: false,
      previous: false,
      timestamps: false,
      ...options,
      signal: AbortSignal.any([
        this.#stop.signal,
        AbortSignal.timeout(20_000),
      ]),
    });
    return await new Response(stream).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#subject[Symbol.asyncDispose]();
  }
}

function uidOf({ metadata }: Pod): string {
  assert.ok(metadata?.uid);
  return metadata.uid;
}
