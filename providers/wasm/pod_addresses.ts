import { join } from "node:path";
import { getLogger } from "../../async/log.ts";
import { messageOf } from "../../async/message_of.ts";
import { type HeldRange, holdRange, usableAddresses } from "./address_range.ts";
import { addressAt, isLocalAddress, parseCidr } from "./ip_address.ts";
import { readRecord, writeRecord } from "./records.ts";

/** Options for {@linkcode PodAddresses}. */
export interface PodAddressOptions {
  /** Where the range is remembered for the next agent. */
  readonly stateDir: string;
  /** The range to take them from; unless given, one that nobody uses is chosen. */
  readonly podCIDR?: string;
  /**
   * Whether only this machine has to reach pods, as without a cluster: nothing of its network is
   * changed for them then. False unless given.
   */
  readonly localAddresses?: boolean;
}

/** Gives each pod an IP address of its own, out of a range that no other agent here uses. */
export class PodAddresses implements AsyncDisposable {
  readonly #options: PodAddressOptions;
  #held: Promise<HeldRange | undefined> | undefined;
  /** Given, and not among the taken ones yet. */
  readonly #given = new Set<string>();
  #next = 0n;

  constructor(options: PodAddressOptions) {
    this.#options = options;
  }

  /**
   * An address that is none of `taken` and nobody else's until `settle`; undefined where this
   * machine has but one. Throws where all are taken, and where a configured range cannot be used.
   */
  async allocate(taken: () => readonly string[]): Promise<string | undefined> {
    const held = await this.#hold(taken());
    if (held === undefined) return undefined;
    const { cidr, range } = held;
    const used = new Set([...taken(), ...this.#given]);
    const count = usableAddresses(range);
    // Not at once the one that was freed last: others may still speak to it.
    for (let tried = 0n; tried < count; tried++) {
      const offset = this.#next;
      this.#next = (offset + 1n) % count;
      const address = addressAt(range, offset + 1n);
      if (used.has(address)) continue;
      this.#given.add(address);
      return address;
    }
    throw new Error(
      `Cannot give the pod an address: all ${count} of ${cidr} are taken; set wasm.podCIDR to a larger range`,
    );
  }

  /** An address that was given is among the taken ones now, or is not needed. */
  settle(address: string): void {
    this.#given.delete(address);
  }

  /** Holds a range that is configured or in use from now on, or fails with what to do about it. */
  async check(taken: readonly string[]): Promise<void> {
    const { podCIDR } = this.#options;
    if (podCIDR !== undefined || taken.length > 0) await this.#hold(taken);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    // What failed was told when it was asked for.
    await (await held?.catch(() => undefined))?.release();
  }

  async #hold(taken: readonly string[]): Promise<HeldRange | undefined> {
    this.#held ??= this.#options.podCIDR === undefined
      ? chooseRange(this.#options, taken)
      : configuredRange(this.#options.podCIDR, this.#options);
    try {
      return await this.#held;
    } catch (error) {
      // Whoever asks next may have done something about it.
      this.#held = undefined;
      throw error;
    }
  }
}

async function configuredRange(
  cidr: string,
  { localAddresses = false }: PodAddressOptions,
): Promise<HeldRange> {
  const address = parseCidr(cidr);
  const isLocal = address !== undefined && isLocalAddress(address);
  try {
    return await holdRange(cidr, {
      route: mayRoute() && !isLocal && !localAddresses,
    });
  } catch (cause) {
    const why = cause instanceof Deno.errors.AddrInUse
      ? "another agent of this machine has it"
      : `${
        messageOf(cause)
      }; let the agent be root, or run once: ip route add local ${cidr} dev lo`;
    throw new Error(`Cannot use wasm.podCIDR ${cidr}: ${why}`, { cause });
  }
}

/** What `network.json` says. */
interface RangeRecord {
  readonly cidr: string;
}

/**
 * A range of 1022 addresses: one that this machine is made to answer for, or of its loopback
 * addresses where that cannot be; undefined on systems with a single one.
 */
async function chooseRange(
  { stateDir, localAddresses = false }: PodAddressOptions,
  taken: readonly string[],
): Promise<HeldRange | undefined> {
  const path = join(stateDir, "network.json");
  const recorded = await readRecord<RangeRecord>(path);
  const seed = await seedOf(stateDir);
  const candidates = [
    ...(recorded === undefined ? [] : [recorded.cidr]),
    ...(mayRoute() && !localAddresses ? ranges(routable, seed) : []),
    ...ranges(loopback, seed),
  ];
  for (const cidr of candidates) {
    const held = await tryRange(cidr);
    if (held === undefined) {
      if (cidr === recorded?.cidr) checkUnused(cidr, taken);
      continue;
    }
    if (recorded?.cidr !== cidr) await writeRecord(path, { cidr });
    if (!localAddresses) tellOf(held);
    return held;
  }
  if (localAddresses) return undefined;
  getLogger("wasm").warn(
    "Pods have no addresses of their own here: their guests listen on 127.0.0.1",
  );
  return undefined;
}

async function tryRange(cidr: string): Promise<HeldRange | undefined> {
  try {
    const route = mayRoute() && !isLoopback(cidr);
    return await holdRange(cidr, { route, ours: true });
  } catch (error) {
    getLogger("wasm").debug("Could not use a range of addresses", {
      cidr,
      error,
    });
    return undefined;
  }
}

/** Pods that were recorded with addresses of it cannot have others. */
function checkUnused(cidr: string, taken: readonly string[]): void {
  if (taken.length === 0) return;
  throw new Error(
    `Cannot use the addresses ${cidr}, which pods of this node have: this machine does not answer for them any more, or another agent has them; set wasm.podCIDR, or remove the pods`,
  );
}

function tellOf({ cidr }: HeldRange): void {
  const log = getLogger("wasm");
  log.info("Chose the addresses of pods", { cidr });
  if (!isLoopback(cidr)) return;
  log.warn(
    "The addresses of pods are loopback addresses, which Services of Kubernetes refuse; set wasm.podCIDR, or run the agent as root",
    { cidr },
  );
}

function isLoopback(cidr: string): boolean {
  const range = parseCidr(cidr);
  return range !== undefined && isLocalAddress(range);
}

/** For tests of networks (RFC 2544): no cluster, LAN or site has them. */
const routable = "198.18.0.0/15";
const loopback = "127.64.0.0/10";

/** So many ranges are tried: other agents, or a wildcard listener, may be in the way. */
const attempts = 8;

function ranges(within: string, seed: number): readonly string[] {
  const range = parseCidr(within);
  if (range === undefined) return [];
  const count = 1 << (chosenPrefix - range.prefix);
  return Array.from({ length: attempts }, (_, i) => {
    const block = BigInt((seed + i) % count);
    const first = addressAt(range, block << BigInt(32 - chosenPrefix));
    return `${first}/${chosenPrefix}`;
  });
}

const chosenPrefix = 22;

/** The same for the same directory on the same machine, and for hardly any other. */
async function seedOf(stateDir: string): Promise<number> {
  const bytes = new TextEncoder().encode(`${Deno.hostname()}\n${stateDir}`);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new DataView(digest).getUint32(0);
}

function mayRoute(): boolean {
  return Deno.build.os === "linux" && Deno.uid() === 0;
}
