import { abortable, type AbortOptions } from "../../async/abort.ts";
import { ChangeFeed } from "../../async/change_feed.ts";
import { delay } from "../../async/delay.ts";
import { TaskGroup } from "../../async/task_group.ts";
import { UnreachableError } from "../errors.ts";
import type { ConditionSource, ServerAddress } from "../provider.ts";
import { ApiTunnel, type ApiTunnelOptions, hostReaches } from "./api_tunnel.ts";

/** Options of {@linkcode ApiAccess}. */
export interface ApiAccessOptions extends ApiTunnelOptions {
  /** `auto` uses a tunnel where the host cannot connect to the server itself. */
  readonly mode: "auto" | "apiserver";
}

/** How long until a host that was lost meanwhile is asked again, in milliseconds. */
const again = 1_000;

/**
 * How the pods of a host reach the API server: through a tunnel, or at the address that this
 * machine uses. It is found out at the first connection to the host and stays so.
 */
export class ApiAccess implements ConditionSource {
  readonly #options: ApiAccessOptions;
  readonly #tunnel: ApiTunnel;
  readonly #feed = new ChangeFeed<"condition">();
  readonly #decided = Promise.withResolvers<"tunnel" | "direct">();
  #way: "tunnel" | "direct" | undefined;

  constructor(options: ApiAccessOptions) {
    this.#options = options;
    this.#tunnel = new ApiTunnel(options);
  }

  /** Where pods find the API server, if not at its Service: the tunnel leads there from that address. */
  get server(): ServerAddress | undefined {
    return this.#way === "direct" ? this.#options.server : undefined;
  }

  /** The tunnel, once it is known whether one is needed. */
  async tunnel(options: AbortOptions): Promise<ApiTunnel | undefined> {
    const way = await abortable(this.#decided.promise, options);
    return way === "tunnel" ? this.#tunnel : undefined;
  }

  get condition(): ConditionSource["condition"] {
    if (this.#way !== "direct") return this.#tunnel.condition;
    return {
      type: "ApiServerReachable",
      status: "True",
      reason: "HostReachesServer",
      message: "The host can connect to the API server itself",
    };
  }

  async *changes(options: AbortOptions): AsyncGenerator<unknown> {
    yield* this.#feed.changes(options, () => ["condition"]);
  }

  /** Finds the way and keeps it open, until aborted. */
  async run({ signal }: AbortOptions): Promise<void> {
    const way = this.#way ?? await this.#decide({ signal });
    this.#way = way;
    this.#decided.resolve(way);
    this.#feed.notify("condition");
    if (way === "direct") return;
    await using group = new TaskGroup(signal);
    group.spawn((signal) => this.#tunnel.run({ signal }));
    group.spawn(async (signal) => {
      for await (const _ of this.#tunnel.changes({ signal })) {
        this.#feed.notify("condition");
      }
    });
    await group.join();
  }

  async #decide({ signal }: AbortOptions): Promise<"tunnel" | "direct"> {
    const { host, server, mode } = this.#options;
    if (mode === "apiserver") return "tunnel";
    for (;;) {
      await host.connected({ signal });
      try {
        return await hostReaches(host, server, { signal })
          ? "direct"
          : "tunnel";
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
        await delay(again, { signal });
      }
    }
  }
}
