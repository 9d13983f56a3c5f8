/** The addresses that this machine has now, its loopback address first; none of a link alone. */
export function machineAddresses(family: "ipv4" | "ipv6"): readonly string[] {
  const loopback = family === "ipv4" ? "127.0.0.1" : "::1";
  const addresses = Deno.networkInterfaces()
    .filter((each) => each.family.toLowerCase() === family)
    .map(({ address }) => address)
    .filter((address) => !/^fe[89ab]/i.test(address));
  return [...new Set([loopback, ...addresses])];
}
