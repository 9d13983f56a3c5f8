import { messageOf } from "../../async/message_of.ts";
import { addressAt, type IpRange, parseCidr, rangeSize } from "./ip_address.ts";

/** A range of addresses that this process holds, so that no other agent of the machine uses it. */
export interface HeldRange {
  readonly cidr: string;
  readonly range: IpRange;
  release(): Promise<void>;
}

/**
 * The range, if nobody else has it: its first address is listened on as long as it is held.
 * Throws `Deno.errors.AddrInUse` for one that another agent holds, and
 * `Deno.errors.AddrNotAvailable` where this machine has no such addresses.
 *
 * With `route` the addresses are made this machine's own: it takes root. A route that was there
 * before stays when the range is released, unless it is `ours`: left by an agent that was killed.
 */
export async function holdRange(
  cidr: string,
  { route, ours = false }: { readonly route: boolean; readonly ours?: boolean },
): Promise<HeldRange> {
  const range = parseCidr(cidr);
  if (range === undefined) throw new TypeError(`Cannot read CIDR "${cidr}"`);
  const added = route && await addRoute(cidr, range);
  try {
    const guard = Deno.listen({
      hostname: addressAt(range, 0n),
      port: guardPort,
    });
    return {
      cidr,
      range,
      async release() {
        guard.close();
        if (added || (route && ours)) await removeRoute(cidr, range);
      },
    };
  } catch (error) {
    if (added) await removeRoute(cidr, range);
    throw error;
  }
}

/** Whether the text is a CIDR with addresses for pods. */
export function isPodRange(cidr: string): boolean {
  const range = parseCidr(cidr);
  return range !== undefined && usableAddresses(range) >= 2n;
}

/** How many addresses a pod can get: the first one is the guard's, the last one broadcast. */
export function usableAddresses(range: IpRange): bigint {
  return rangeSize(range) - 2n;
}

/** Above what Linux gives to those who ask for no port: 32768 to 60999. */
const guardPort = 64_999;

/** Says whether it was not there before. Throws if it cannot be. */
async function addRoute(cidr: string, range: IpRange): Promise<boolean> {
  const { success, stderr } = await ip(
    ["add", "local", cidr, "dev", "lo"],
    range,
  );
  if (success) return true;
  // EEXIST, in iproute2's and in BusyBox' words.
  if (/File exists/i.test(stderr)) return false;
  throw new Deno.errors.AddrNotAvailable(
    `Cannot route ${cidr} to this machine: ${stderr || "ip has failed"}`,
  );
}

async function removeRoute(cidr: string, range: IpRange): Promise<void> {
  await ip(["del", "local", cidr, "dev", "lo"], range);
}

async function ip(
  args: readonly string[],
  { bits }: IpRange,
): Promise<{ readonly success: boolean; readonly stderr: string }> {
  try {
    const { success, stderr } = await new Deno.Command("ip", {
      args: [bits === 32 ? "-4" : "-6", "route", ...args],
      stdin: "null",
      stdout: "null",
    }).output();
    return { success, stderr: new TextDecoder().decode(stderr).trim() };
  } catch (error) {
    return { success: false, stderr: messageOf(error) };
  }
}
