import { isIPv6 } from "node:net";
import type { ServerAddress } from "../provider.ts";

/**
 * Where the directory of an `ApiTunnel` is mounted in a sandbox that relays. It must be the
 * directory: the socket in it is another one after every reconnect.
 */
export const relayDirectory = "/run/farlet";

/** The name of the tunnel's socket in its directory. */
export const relaySocket = "api.sock";

/**
 * What a sandbox that relays may do, besides nothing: give `lo` an address and rewrite the port
 * (`NET_ADMIN`), listen below 1024, and open the socket of an SSH user who is not root. It gives
 * all but the last up once it listens. Its user must be root; its root may be read-only, and
 * `no-new-privileges` set.
 */
export const relayCapabilities: readonly string[] = [
  "NET_ADMIN",
  "NET_BIND_SERVICE",
  "DAC_OVERRIDE",
];

/** What its `SecurityOpt` needs: SELinux keeps containers from sockets that sshd made. */
export const relaySecurityOptions: readonly string[] = ["label=disable"];

/** With what the pause program ends when it cannot do what it was told, and says why on stderr. */
export const pauseExit = { failed: 1, usage: 64, notPermitted: 77 } as const;

/** The arguments with which the pause program relays what is sent to `server` in its network. */
export function relayCommand({ host, port }: ServerAddress): readonly string[] {
  const address = isIPv6(host) ? `[${host}]` : host;
  return [
    "relay",
    `${address}:${port}`,
    `${relayDirectory}/${relaySocket}`,
  ];
}

/** The command by which standard input and output become a port of the pod: `/pause connect 80`. */
export function connectCommand(port: number): readonly string[] {
  return ["/pause", "connect", String(port)];
}
