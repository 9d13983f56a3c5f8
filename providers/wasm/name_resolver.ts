import { abortable, type AbortOptions } from "../../async/abort.ts";
import {
  canonicalName,
  type EgressPolicy,
  type EgressScheme,
} from "./egress.ts";
import type { NameSettings } from "./guest_spec.ts";
import { isLocalAddress, parseIp } from "./ip_address.ts";
import { askNameServers } from "./name_servers.ts";

/** Finds the addresses of a full name; rejects with `Deno.errors.NotFound` if it has none. */
export type AskForName = (
  name: string,
  settings: NameSettings,
  options: AbortOptions,
) => Promise<readonly string[]>;

/**
 * Looks names up for a guest, and says which addresses it may reach.
 *
 * Only names that the policy allows are looked up. What they gave may then be reached as the name
 * itself might: at the ports and in the schemes of the entries that allow it. An address of this
 * machine or its links is never opened by what a name server says, only by `hostAliases`, by an
 * entry `localhost`, or by an entry for the address.
 */
export class NameResolver {
  readonly #policy: EgressPolicy;
  readonly #settings: NameSettings;
  readonly #ask: AskForName;
  /** By address: the names that gave it, the oldest address first. */
  readonly #names = new Map<string, Set<string>>();

  constructor(
    policy: EgressPolicy,
    settings: NameSettings = asThisMachine,
    ask: AskForName = askNameServers,
  ) {
    this.#policy = policy;
    this.#settings = settings;
    this.#ask = ask;
  }

  /**
   * The addresses of a name, or of what is an address already. Rejects with
   * `Deno.errors.PermissionDenied` if it must not be looked up, `Deno.errors.NotFound` if it has
   * none.
   */
  async lookup(
    name: string,
    { signal }: AbortOptions,
  ): Promise<readonly string[]> {
    const bare = name.replace(/^\[(.*)\]$/, "$1");
    if (parseIp(bare) !== undefined) return [bare];
    const given = canonicalName(name);
    const candidates = this.#candidates(given, name.endsWith("."))
      .filter((each) => this.#allows(given, each));
    if (candidates.length === 0) throw forbidden(name);
    const known = this.#aliases(given);
    if (known.length > 0) return this.#learn(known, [given]);
    if (isLocalhost(given)) return this.#localhost(name, given);
    let failure: unknown;
    for (const each of candidates) {
      try {
        const asked = this.#ask(each, this.#settings, { signal });
        const found = await abortable(asked, { signal });
        return this.#open(name, found, [given, each]);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Deno.errors.PermissionDenied) throw error;
        // That a name is not there says less than that a server could not tell.
        if (!(error instanceof Deno.errors.NotFound)) failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    throw new Deno.errors.NotFound(`Cannot look up "${name}": no such name`);
  }

  /** Whether a server may be reached that was named so; the name may also be an IP address. */
  allowsHost(host: string, port: number, scheme: EgressScheme): boolean {
    return this.#policy.allowsHost(host, port, scheme);
  }

  /** Whether an address may be reached: by an entry for it, or by a name that gave it. */
  allowsAddress(ip: string, port: number, scheme: EgressScheme): boolean {
    if (this.#policy.allowsAddress(ip, port, scheme)) return true;
    const names = this.#names.get(addressKey(ip)) ?? [];
    return [...names].some((name) =>
      this.#policy.allowsHost(name, port, scheme)
    );
  }

  #allows(given: string, full: string): boolean {
    return this.#policy.allowsName(given) || this.#policy.allowsName(full);
  }

  /** The names to ask for, as resolv.conf(5) says. */
  #candidates(name: string, isFull: boolean): readonly string[] {
    if (isFull) return [name];
    const { searches, ndots } = this.#settings;
    const searched = searches.map((domain) =>
      canonicalName(`${name}.${domain}`)
    );
    return name.split(".").length > ndots
      ? [name, ...searched]
      : [...searched, name];
  }

  #aliases(name: string): readonly string[] {
    return this.#settings.hosts
      .filter(({ hostnames }) =>
        hostnames.some((each) => canonicalName(each) === name)
      )
      .map(({ ip }) => ip);
  }

  /** Nobody is asked for it: RFC 6761. */
  #localhost(name: string, given: string): readonly string[] {
    if (!this.#policy.namesHost(given)) throw local(name);
    return this.#learn(["127.0.0.1", "::1"], [given]);
  }

  /** What name servers said, without what they cannot open. */
  #open(
    name: string,
    found: readonly string[],
    names: readonly string[],
  ): readonly string[] {
    const elsewhere = found.filter((ip) => {
      const address = parseIp(ip);
      return address !== undefined && !isLocalAddress(address);
    });
    this.#learn(elsewhere, names);
    const usable = found.filter((ip) =>
      elsewhere.includes(ip) || this.#policy.namesAddress(ip)
    );
    if (usable.length === 0 && found.length > 0) throw local(name);
    return usable;
  }

  #learn(
    addresses: readonly string[],
    names: readonly string[],
  ): readonly string[] {
    for (const key of addresses.map(addressKey)) {
      const known = this.#names.get(key) ?? new Set();
      for (const name of names) known.add(name);
      // As the newest one.
      this.#names.delete(key);
      this.#names.set(key, known);
    }
    for (const oldest of this.#names.keys()) {
      if (this.#names.size <= maxAddresses) break;
      this.#names.delete(oldest);
    }
    return addresses;
  }
}

/** How many addresses are remembered: a guest cannot fill the memory of its process with them. */
const maxAddresses = 1024;

const asThisMachine: NameSettings = {
  hosts: [],
  servers: [],
  searches: [],
  ndots: 1,
};

function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

function addressKey(ip: string): string {
  const address = parseIp(ip);
  return address === undefined ? ip : `${address.bits}/${address.first}`;
}

function forbidden(name: string): Error {
  return new Deno.errors.PermissionDenied(
    `Cannot look up "${name}": farlet.dev/allowed-hosts does not allow it`,
  );
}

function local(name: string): Error {
  return new Deno.errors.PermissionDenied(
    `Cannot use the addresses of "${name}": they are of this machine or its links, which farlet.dev/allowed-hosts must name`,
  );
}
