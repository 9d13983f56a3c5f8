import type { AbortOptions } from "../../async/abort.ts";
import { type Backoff, backoffDelay, jitter } from "../../async/backoff.ts";
import { ChangeFeed } from "../../async/change_feed.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { messageOf } from "../../async/message_of.ts";
import { UnreachableError } from "../errors.ts";
import { openEngine } from "./engine/discover.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { type HostFacts, readHostFacts } from "./facts.ts";
import type { Host, Reachability } from "./host.ts";

/** How far the agent has got with a host. */
export type LinkState =
  /** There is no connection. */
  | Extract<Reachability, { readonly kind: "unreachable" }>
  /** There is one, and nothing on the host that runs containers answers. */
  | { readonly kind: "noEngine"; readonly message: string }
  | {
    readonly kind: "ready";
    readonly engine: EngineClient;
    /** As the host was when the connection was made. */
    readonly facts: HostFacts;
  };

/** Options for {@linkcode EngineLink}. */
export interface EngineLinkOptions {
  readonly host: Host;
  /** The engine's socket on the host; found unless given. */
  readonly socket?: string;
  /** farlet's directory on the host: its disk counts as the node's storage. */
  readonly directory: (options: AbortOptions) => Promise<string>;
}

const retry: Backoff = { base: 1_000, cap: 30_000 };
const log = getLogger("ssh");

/**
 * Finds the engine of a host, and reads what the host is, each time it is connected to.
 *
 * The engine that was found stays known while the host cannot be reached: its requests then fail.
 */
export class EngineLink {
  readonly #options: EngineLinkOptions;
  readonly #feed = new ChangeFeed<"state">();
  #state: LinkState;
  #engine: EngineClient | undefined;

  constructor(options: EngineLinkOptions) {
    this.#options = options;
    this.#state = looking(options.host);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Yields whenever the state changes, and at first. Ends on abort. */
  changes(options: AbortOptions): AsyncIterable<unknown> {
    return this.#feed.changes(options, () => ["state"]);
  }

  /** The engine that was found last; @throws {UnreachableError} before one was. */
  engine(): EngineClient {
    if (this.#engine !== undefined) return this.#engine;
    const { name } = this.#options.host;
    const { state } = this;
    const why = state.kind === "ready" ? "" : `: ${state.message}`;
    throw new UnreachableError(`No engine is known of ${name}${why}`);
  }

  /** Follows the connection until aborted. */
  async run({ signal }: AbortOptions): Promise<void> {
    const { host } = this.#options;
    let search = { stop: new AbortController(), done: Promise.resolve() };
    const end = async () => {
      search.stop.abort();
      await search.done;
    };
    try {
      for await (const _ of host.changes({ signal })) {
        await end();
        this.#become(looking(host));
        if (host.reachability.kind === "unreachable") continue;
        const stop = new AbortController();
        const either = AbortSignal.any([signal, stop.signal]);
        search = { stop, done: this.#look(either) };
      }
    } finally {
      await end();
    }
  }

  /** Looks for the engine until there is one. Never rejects. */
  async #look(signal: AbortSignal): Promise<void> {
    const { host, directory } = this.#options;
    for (let failures = 1; !signal.aborted; failures++) {
      // Pods are in the engine that was found first: another one must not run them again.
      const socket = this.#options.socket ?? this.#engine?.info.socket;
      try {
        const engine = await openEngine(host, {
          ...(socket === undefined ? {} : { socket }),
          signal,
        });
        const facts = await readHostFacts(host, {
          directory: await directory({ signal }),
          storageDir: engine.info.storageDir,
          signal,
        });
        this.#engine = engine;
        this.#become({ kind: "ready", engine, facts });
        return;
      } catch (error) {
        if (signal.aborted) return;
        const message = messageOf(error);
        if (failures === 1) {
          log.warn("Cannot use the engine of a host; trying again", {
            host: host.name,
            error,
          });
        }
        this.#become({ kind: "noEngine", message });
        const wait = jitter(backoffDelay(failures, retry));
        await delay(wait, { signal }).catch(() => undefined); // aborted: the loop ends
      }
    }
  }

  #become(state: LinkState): void {
    this.#state = state;
    this.#feed.notify("state");
  }
}

/** What is known before there is an answer. */
function looking({ name, reachability }: Host): LinkState {
  if (reachability.kind === "unreachable") return reachability;
  const message = `Looking for the engine of ${name}`;
  return { kind: "unreachable", reason: "Connecting", message };
}
