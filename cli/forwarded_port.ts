import { isIP } from "node:net";
import { ConfigError } from "../async/config_error.ts";
import type { Pod } from "../k8s/types.ts";

/** A port of a pod that is reached by one of this machine. */
export interface ForwardedPort {
  /** 0 for any that is free. */
  readonly local: number;
  readonly remote: number;
}

/** Where to listen. */
export interface ListenAddress {
  /** An IP address. */
  readonly hostname: string;
  /** One of several that mean `localhost`, of which one is enough. */
  readonly optional: boolean;
}

/**
 * Reads `80`, `8080:80` and `:80`, where the port of the pod may be named as its containers do.
 *
 * @throws {ConfigError} For anything else, in kubectl's words.
 */
export function parseForwardedPort(text: string, pod: Pod): ForwardedPort {
  const parts = text.split(":");
  const [first = "", second] = parts;
  if (parts.length > 2) {
    throw new ConfigError(`invalid port format '${text}'`);
  }
  const remote = remotePort(second ?? first, pod);
  if (second === undefined) return { local: remote, remote };
  const local = first === "" ? 0 : portNumber(first);
  if (local !== undefined) return { local, remote };
  throw new ConfigError(
    `error parsing local port '${first}': expected a number up to 65535`,
  );
}

/**
 * Where `--address` says to listen, `localhost` being both loopback addresses; in a fixed order.
 *
 * @throws {ConfigError} For what is no IP address.
 */
export function listenAddresses(
  texts: readonly string[],
): readonly ListenAddress[] {
  const found = new Map<string, ListenAddress>();
  for (const text of texts.flatMap((text) => text.split(","))) {
    if (text === "localhost") {
      for (const hostname of ["127.0.0.1", "::1"]) {
        if (found.has(hostname)) continue;
        found.set(hostname, { hostname, optional: true });
      }
    } else if (isIP(text)) {
      found.set(text, { hostname: text, optional: false });
    } else {
      throw new ConfigError(`Cannot use --address: ${text} is not a valid IP`);
    }
  }
  return [...found.values()].toSorted((a, b) =>
    a.hostname < b.hostname ? -1 : 1
  );
}

function remotePort(text: string, pod: Pod): number {
  if (text === "") throw new ConfigError("remote port cannot be empty");
  const declared = (pod.spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports
  );
  const number = /^\d+$/.test(text)
    ? portNumber(text)
    : declared.find(({ name }) => name === text)?.containerPort;
  if (number === undefined) {
    throw new ConfigError(
      /^\d+$/.test(text)
        ? `error parsing remote port '${text}': expected a number up to 65535`
        : `Pod '${pod.metadata?.name}' does not have a named port '${text}'`,
    );
  }
  if (number === 0) throw new ConfigError("remote port must be > 0");
  const protocols = declared
    .filter(({ containerPort }) => containerPort === number)
    .map(({ protocol = "TCP" }) => protocol);
  if (protocols.includes("UDP") && !protocols.includes("TCP")) {
    throw new ConfigError(`UDP protocol is not supported for ${text}`);
  }
  return number;
}

function portNumber(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  return number <= 65535 ? number : undefined;
}
