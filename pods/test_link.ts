import { ChangeFeed } from "../async/change_feed.ts";
import { UnreachableError } from "../providers/errors.ts";
import { ProgramRuntime } from "../providers/program_runtime.ts";
import type {
  ContainerSpec,
  SandboxSpec,
} from "../providers/container_spec.ts";
import type {
  ContainerRef,
  LocalImage,
  ObservedPod,
  PodIdentity,
  PullOptions,
} from "../providers/runtime.ts";

type Options = { readonly signal: AbortSignal };
type Call = keyof Pick<
  ProgramRuntime,
  | "listPods"
  | "observe"
  | "createSandbox"
  | "removeSandbox"
  | "pullImage"
  | "startContainer"
  | "stopContainer"
>;

/** Programs behind a link that can be cut, in pods whose sandboxes can be stopped. */
export class LinkedRuntime extends ProgramRuntime {
  /** What was asked for and reached the runtime, looks aside; with a stop's grace. */
  readonly calls: string[] = [];
  /** How often somebody asked in vain. */
  refused = 0;
  readonly #feed = new ChangeFeed<string>();
  readonly #uids = new Set<string>();
  readonly #stopped = new Set<string>();
  #cutBefore: Call | undefined;
  #isCut = false;

  /** Cuts the link: now, or when that is asked for. */
  cut(before?: Call): void {
    if (before === undefined) this.#isCut = true;
    else this.#cutBefore = before;
    this.tell();
  }

  /** Mends the link, and says so of every pod. */
  mend(): void {
    this.#isCut = false;
    this.tell();
    this.#feed.notify("some other pod");
  }

  /** Says of every pod that it may have changed. */
  tell(): void {
    for (const uid of this.#uids) this.#feed.notify(uid);
  }

  /** Lets the sandbox stop, as if somebody had killed it. */
  stopSandbox(uid: string): void {
    this.#stopped.add(uid);
    this.#feed.notify(uid);
  }

  override async *changes(options: Options): AsyncGenerator<string> {
    const inner = super.changes(options);
    const forwarded = (async () => {
      for await (const uid of inner) this.#feed.notify(uid);
    })();
    yield* this.#feed.changes(options);
    await forwarded;
  }

  override async listPods(options: Options): Promise<readonly PodIdentity[]> {
    this.#pass("listPods");
    return await super.listPods(options);
  }

  override async observe(uid: string, options: Options): Promise<ObservedPod> {
    this.#pass("observe");
    const observed = await super.observe(uid, options);
    return this.#stopped.has(uid)
      ? { ...observed, sandbox: "stopped" }
      : observed;
  }

  override async createSandbox(
    spec: SandboxSpec,
    options: Options,
  ): Promise<void> {
    this.#pass("createSandbox");
    this.calls.push("createSandbox");
    this.#uids.add(spec.uid);
    this.#stopped.delete(spec.uid);
    await super.createSandbox(spec, options);
  }

  override async removeSandbox(uid: string, options: Options): Promise<void> {
    this.#pass("removeSandbox");
    this.calls.push("removeSandbox");
    await super.removeSandbox(uid, options);
  }

  override async pullImage(
    image: string,
    options: PullOptions & Options,
  ): Promise<LocalImage> {
    this.#pass("pullImage");
    return await super.pullImage(image, options);
  }

  override async startContainer(
    uid: string,
    spec: ContainerSpec,
    options: Options,
  ): Promise<void> {
    this.#pass("startContainer");
    this.calls.push(`start ${spec.name}#${spec.attempt}`);
    await super.startContainer(uid, spec, options);
  }

  override async stopContainer(
    ref: ContainerRef,
    options: Options & { readonly graceSeconds: number },
  ): Promise<void> {
    this.#pass("stopContainer");
    this.calls.push(`stop ${ref.container} ${options.graceSeconds}s`);
    await super.stopContainer(ref, options);
  }

  #pass(call: Call): void {
    if (this.#cutBefore === call) {
      this.#cutBefore = undefined;
      this.#isCut = true;
    }
    if (!this.#isCut) return;
    this.refused++;
    throw new UnreachableError("Cannot reach the host: the link is cut");
  }
}
