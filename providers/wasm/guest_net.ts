import { parseAllowedHosts } from "./egress.ts";
import type { GuestNet } from "./guest_sockets.ts";
import type { GuestSpec } from "./guest_spec.ts";
import { GuestFailure } from "./guest_failure.ts";
import { LinuxSockets } from "./linux_sockets.ts";
import { NameResolver } from "./name_resolver.ts";
import { openPorts } from "./open_ports.ts";

/**
 * Opens what a guest of preview 1 has of the network, and listens on its ports; undefined where
 * it has nothing. Throws a {@linkcode GuestFailure} where it cannot listen, and on other systems than Linux.
 */
export function openGuestNet(
  { listeners = [], allowedHosts = [], names }: GuestSpec,
): GuestNet | undefined {
  if (listeners.length === 0 && allowedHosts.length === 0) return undefined;
  if (Deno.build.os !== "linux") {
    throw new GuestFailure(
      "StartError",
      `Cannot give a module sockets on ${Deno.build.os}: only Linux has them; components have HTTP`,
    );
  }
  const sockets = new LinuxSockets();
  return {
    sockets,
    ports: openPorts(listeners, sockets),
    names: new NameResolver(parseAllowedHosts(allowedHosts), names),
  };
}
