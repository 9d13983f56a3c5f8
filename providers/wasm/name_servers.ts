import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { messageOf } from "../../async/message_of.ts";
import type { NameSettings } from "./guest_spec.ts";

/** How long a server may take, as resolv.conf(5) has it, and all those of the machine together. */
const answerTimeout = { server: 5_000, machine: 20_000 };

/**
 * Asks the servers of a pod for the addresses of a name, one after the other until one answers;
 * without servers, those of this machine's `resolv.conf`, in its search domains too. As in any pod,
 * the machine's `/etc/hosts` has no say. Rejects with `Deno.errors.NotFound` for a name that
 * has no address.
 *
 * @param port Where the servers listen: 53.
 */
export async function askNameServers(
  name: string,
  { servers }: Pick<NameSettings, "servers">,
  { signal, port = 53 }: AbortOptions & { readonly port?: number },
): Promise<readonly string[]> {
  if (servers.length === 0) return await ask(name, {}, { signal });
  let failure: unknown;
  for (const ipAddr of servers) {
    try {
      const nameServer = { ipAddr, port };
      // The dot: no search domain of the machine is added.
      return await ask(`${name}.`, { nameServer }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Deno.errors.NotFound) throw error;
      failure ??= error;
    }
  }
  throw new Error(`Cannot look up "${name}": ${messageOf(failure)}`, {
    cause: failure,
  });
}

async function ask(
  name: string,
  server: Pick<Deno.ResolveDnsOptions, "nameServer">,
  { signal }: AbortOptions,
): Promise<readonly string[]> {
  const { nameServer } = server;
  const kind = nameServer === undefined ? "machine" : "server";
  using limit = new Deadline(answerTimeout[kind], { signal });
  const options = { ...server, signal: limit.signal };
  const answers = await Promise.allSettled([
    Deno.resolveDns(name, "A", options),
    Deno.resolveDns(name, "AAAA", options),
  ]);
  const found = answers.flatMap((answer) =>
    answer.status === "fulfilled" ? answer.value : []
  );
  if (found.length > 0) return found;
  const failed = answers.filter((answer) => answer.status === "rejected")
    .map(({ reason }) => reason)
    .find((reason) => !(reason instanceof Deno.errors.NotFound));
  if (failed !== undefined) throw failed;
  throw new Deno.errors.NotFound(`Cannot look up "${name}": no such name`);
}
