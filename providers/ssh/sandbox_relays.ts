import type { AbortOptions } from "../../async/abort.ts";
import type { SandboxSpec } from "../container_spec.ts";
import type { ApiTunnel } from "./api_tunnel.ts";
import type { HostLayout } from "./host_layout.ts";
import type { PodFiles } from "./pod_files.ts";
import type { ApiRelay } from "./sandbox_body.ts";

/** Finds the tunnel to the API server; undefined where pods need none. */
export type FindTunnel = (
  options: AbortOptions,
) => Promise<ApiTunnel | undefined>;

/** How the sandboxes of a node reach the API server. */
export class SandboxRelays {
  readonly #files: PodFiles;
  readonly #findTunnel: FindTunnel | undefined;
  /** Made once per connection to the host: it may have booted meanwhile. */
  #made:
    | { readonly layout: HostLayout; readonly directory: string }
    | undefined;

  constructor(files: PodFiles, findTunnel: FindTunnel | undefined) {
    this.#files = files;
    this.#findTunnel = findTunnel;
  }

  /** What the sandbox is to relay; undefined where the pod reaches the API server by itself. */
  async of(
    { network, apiServer }: SandboxSpec,
    options: AbortOptions,
  ): Promise<ApiRelay | undefined> {
    // On the host's network an address of our own would be everybody's.
    if (apiServer === undefined || network === "host") return undefined;
    const tunnel = await this.#findTunnel?.(options);
    if (tunnel === undefined) return undefined;
    const layout = await this.#files.layout(options);
    if (this.#made?.layout !== layout) {
      const directory = await tunnel.directory(options);
      this.#made = { layout, directory };
    }
    const { ip: host, port } = apiServer;
    return { server: { host, port }, directory: this.#made.directory };
  }
}
