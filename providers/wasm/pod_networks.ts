import type { AbortOptions } from "../../async/abort.ts";
import type { SandboxSpec } from "../container_spec.ts";
import { RuntimeError } from "../errors.ts";
import type { PortConnection } from "../runtime.ts";
import { messageOf } from "../../async/message_of.ts";
import type { Pod } from "./adoption.ts";
import { allowedHostsOf, parseAllowedHosts } from "./egress.ts";
import { PodAddresses, type PodAddressOptions } from "./pod_addresses.ts";
import { noNetwork, type PodNetwork } from "./pod_network.ts";
import { nameSettings, readResolvConf } from "./resolv_conf.ts";
import { connectTcp } from "./tcp_connection.ts";

/** The networks of all pods of a node. */
export class PodNetworks implements AsyncDisposable {
  readonly #pods: ReadonlyMap<string, Pod>;
  readonly #addresses: PodAddresses;

  private constructor(
    pods: ReadonlyMap<string, Pod>,
    options: PodAddressOptions,
  ) {
    this.#pods = pods;
    this.#addresses = new PodAddresses(options);
  }

  /**
   * Fails with what to do about it if addresses that are configured, or that pods have, cannot be
   * used.
   */
  static async open(
    pods: ReadonlyMap<string, Pod>,
    options: PodAddressOptions,
  ): Promise<PodNetworks> {
    const networks = new PodNetworks(pods, options);
    await networks.#addresses.check(networks.#taken());
    return networks;
  }

  /** Makes the network of a new pod, and has `record` write it down. */
  async create(
    spec: SandboxSpec,
    record: (network: PodNetwork) => Promise<void>,
  ): Promise<void> {
    const isHost = spec.network === "host";
    const ip = isHost ? undefined : await this.#newAddress();
    try {
      await record({
        isHost,
        isOver: false,
        ...(ip === undefined ? {} : { ip }),
        hostPorts: spec.ports,
        allowedHosts: checkedHosts(spec),
        names: nameSettings(spec.dns, await readResolvConf(), [
          ...spec.hostAliases,
          ...(ip === undefined ? [] : [{ ip, hostnames: ownNames(spec) }]),
        ]),
      });
    } finally {
      if (ip !== undefined) this.#addresses.settle(ip);
    }
  }

  /** The pod's own addresses, as a runtime tells of them. */
  ipsOf(podUid: string): readonly string[] {
    const { ip } = this.#pods.get(podUid)?.record.network ?? noNetwork;
    return ip === undefined ? [] : [ip];
  }

  /** Connects to a port of a pod, as `ContainerRuntime.portForward`. */
  async connect(
    podUid: string,
    port: number,
    options: AbortOptions,
  ): Promise<PortConnection> {
    const pod = this.#pods.get(podUid);
    const running = [...pod?.runs.values() ?? []]
      .flatMap((runs) => runs.at(-1) ?? [])
      .filter(({ guest, exit }) => guest !== undefined && exit === undefined);
    if (pod === undefined || running.length === 0) {
      throw new Deno.errors.NotFound(
        `Cannot connect to port ${port}: the pod does not run`,
      );
    }
    const { record: { network } } = pod;
    const ports = running.flatMap(({ ports = [] }) => ports);
    try {
      const host = network?.ip ?? "127.0.0.1";
      return await connectTcp({ host, port }, options);
    } catch (cause) {
      options.signal.throwIfAborted();
      if (!(cause instanceof Deno.errors.ConnectionRefused)) throw cause;
      throw new Deno.errors.ConnectionRefused(
        `Cannot connect to port ${port}: ${
          whoListens(ports)
        }: Connection refused`,
        { cause },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#addresses[Symbol.asyncDispose]();
  }

  async #newAddress(): Promise<string | undefined> {
    try {
      return await this.#addresses.allocate(() => this.#taken());
    } catch (cause) {
      throw new RuntimeError("CreateContainerError", messageOf(cause), {
        cause,
      });
    }
  }

  #taken(): readonly string[] {
    return [...this.#pods.values()].flatMap(({ record: { network } }) =>
      network?.ip === undefined || network.isOver ? [] : [network.ip]
    );
  }
}

/** Admission has refused what is wrong; here it is a fault all the same. */
function checkedHosts({ annotations }: SandboxSpec): readonly string[] {
  const entries = allowedHostsOf(annotations);
  parseAllowedHosts(entries);
  return entries;
}

function ownNames({ hostname, fullHostname }: SandboxSpec): readonly string[] {
  return [fullHostname, hostname].flatMap((name) => name || []);
}

function whoListens(ports: readonly number[]): string {
  if (ports.length === 0) return "no container of the pod has a TCP port";
  const list = [...new Set(ports)].join(", ");
  return `nothing listens there; the ports of the pod are ${list}`;
}
