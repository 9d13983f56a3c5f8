import { abortable, type AbortOptions } from "../../async/abort.ts";
import type { Host } from "./host.ts";
import { runScript } from "./host_script.ts";
import { layoutScript } from "./pod_scripts.ts";

/** Where farlet's files are on a host, and what can be done there. */
export interface HostLayout {
  /** Absolute; all that farlet keeps for one node is in it. */
  readonly directory: string;
  /** The number of the user that farlet is there. */
  readonly user: number;
  /** Whether that user may mount file systems. */
  readonly mounts: boolean;
  /** Changes whenever the host boots. */
  readonly bootId: string;
  /** Makes digests of content say nothing about the content. */
  readonly key: string;
  /** The host's own files. */
  readonly resolvConf: string;
  readonly hosts: string;
}

/** Options for {@linkcode LayoutReader}. */
export interface LayoutOptions {
  /** The name of the node. */
  readonly node: string;
  /**
   * The directory of all that farlet keeps on the host: `/var/lib/farlet` for root and
   * `~/.local/share/farlet` otherwise, unless given.
   */
  readonly root?: string;
}

/** Reads the layout of a host once per connection. */
export class LayoutReader {
  readonly #host: Host;
  readonly #options: LayoutOptions;
  #known: {
    readonly reachability: Host["reachability"];
    readonly layout: Promise<HostLayout>;
  } | undefined;

  constructor(host: Host, options: LayoutOptions) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(options.node)) {
      throw new RangeError(`"${options.node}" is no name of a node`);
    }
    this.#host = host;
    this.#options = options;
  }

  /** The same object for as long as the connection lasts. */
  read(options: AbortOptions): Promise<HostLayout> {
    const { reachability } = this.#host;
    if (this.#known?.reachability !== reachability) {
      const known = { reachability, layout: this.#read() };
      this.#known = known;
      known.layout.catch(() => {
        if (this.#known === known) this.#known = undefined;
      });
    }
    return abortable(this.#known.layout, options);
  }

  /** Makes the next {@linkcode read} look again: what it reads, it also makes. */
  forget(): void {
    this.#known = undefined;
  }

  async #read(): Promise<HostLayout> {
    const { node, root = "" } = this.#options;
    const text = await runScript(this.#host, layoutScript, {
      action: "use farlet's directory",
      args: [node, root],
      // It is shared by all who ask; it has a deadline of its own.
      signal: new AbortController().signal,
    });
    return parseLayout(text);
  }
}

/** Reads what the script prints. */
export function parseLayout(text: string): HostLayout {
  const [, head = "", resolvConf = "", hosts = ""] =
    /^(.*?)=== resolv\.conf\n(.*?)=== hosts\n(.*)$/s.exec(text) ?? [];
  const values = new Map(
    head.split("\n").map((line) => {
      const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
      return [name, value];
    }),
  );
  const directory = values.get("directory") ?? "";
  const user = values.get("user") ?? "";
  if (!/^\/[^/]+\//.test(directory) || !/^\d+$/.test(user)) {
    throw new Error("Cannot read what the host says of farlet's directory");
  }
  return {
    directory,
    user: Number(user),
    mounts: values.get("mounts") === "yes",
    bootId: values.get("boot") ?? "",
    key: values.get("key") ?? "",
    resolvConf,
    hosts,
  };
}
