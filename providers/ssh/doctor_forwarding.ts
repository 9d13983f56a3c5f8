import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { messageOf } from "../../async/message_of.ts";
import type { DuplexStream } from "../../async/byte_stream.ts";
import { fail, type Finding, ok, warn } from "./doctor_finding.ts";
import type { SystemFindings } from "./doctor_system.ts";
import type { Host } from "./host.ts";
import type { SshConnection } from "./transport/connection.ts";
import type { SessionProcess } from "./transport/remote_process.ts";

/** As many as one connection is ever asked for. */
const wantedSessions = 5;
const enoughSessions = 3;
const echoes = 5;
/** Milliseconds for what a host answers at once. */
const patience = 10_000;
const slowRoundTrip = 300;

/** How many commands may run at once, and how long an answer takes. False where none may run. */
export async function* findSessions(
  connection: SshConnection,
  { signal }: AbortOptions,
): AsyncGenerator<Finding, boolean> {
  using deadline = new Deadline(3 * patience, { signal });
  await using opened = new AsyncDisposableStack();
  let sessions = 0;
  let first: SessionProcess | undefined;
  try {
    while (sessions < wantedSessions) {
      const permit = await connection.sessions.acquire(deadline);
      const process = await connection.exec("cat", permit, deadline);
      if (process === undefined) break;
      opened.use(process);
      first ??= process;
      sessions++;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (first === undefined) {
      yield fail(
        "sessions",
        `sshd runs no command: ${messageOf(error)}`,
        "set MaxSessions to 10 in its sshd_config, and ForceCommand to none",
      );
      return false;
    }
  }
  yield sessions < enoughSessions
    ? warn(
      "sessions",
      `sshd lets only ${sessions} run at once in a connection: farlet opens more connections`,
      "set MaxSessions to 10 in its sshd_config",
    )
    : ok("sessions", `${sessions} run at once in a connection`);
  if (first === undefined) return false;
  yield* findRoundTrip(first, { signal });
  return true;
}

/** The time of one byte there and back, as the best of some; nothing where no byte comes back. */
async function* findRoundTrip(
  { stdin, stdout }: SessionProcess,
  { signal }: AbortOptions,
): AsyncGenerator<Finding, void> {
  using deadline = new Deadline(patience, { signal });
  const writer = stdin.getWriter();
  const reader = stdout.getReader();
  const expired = () => void reader.cancel().catch(() => undefined);
  deadline.signal.addEventListener("abort", expired, { once: true });
  const times: number[] = [];
  try {
    while (times.length < echoes) {
      const start = performance.now();
      await writer.write(new Uint8Array([46]));
      if ((await reader.read()).done) break;
      times.push(performance.now() - start);
    }
  } catch {
    // The connection is gone: the next check says so.
  } finally {
    deadline.signal.removeEventListener("abort", expired);
    reader.releaseLock();
    writer.releaseLock();
  }
  signal.throwIfAborted();
  // A login shell that is none, or a ForceCommand: the next check says so.
  if (times.length < echoes) return;
  const best = Math.min(...times);
  const text = `${best.toFixed(best < 10 ? 1 : 0)} ms`;
  yield best > slowRoundTrip
    ? warn("round trip", `${text}: starting a pod takes several`)
    : ok("round trip", text);
}

/** What sshd lets pass, by trying. */
export async function* findForwarding(
  host: Host,
  system: SystemFindings,
  options: AbortOptions,
): AsyncGenerator<Finding, void> {
  yield await findTcp(host, system, options);
  yield* findSockets(host, options);
}

/** Connects to sshd itself, as the host sees it. */
async function findTcp(
  host: Host,
  { sshd }: SystemFindings,
  options: AbortOptions,
): Promise<Finding> {
  using deadline = new Deadline(patience, options);
  const check = "tcp forwarding";
  try {
    const stream = await host.dial({ kind: "tcp", ...sshd }, deadline);
    stream.destroy();
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof Deno.errors.PermissionDenied) {
      return warn(
        check,
        "sshd forbids it: ports of pods are reached by commands within them, which takes longer",
        "set AllowTcpForwarding yes in its sshd_config, and no PermitOpen",
      );
    }
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    // It was tried, and so is allowed; nothing answered there.
  }
  return ok(check, "allowed (direct-tcpip)");
}

/** Listens on a socket of the host, and connects to it there. */
async function* findSockets(
  host: Host,
  options: AbortOptions,
): AsyncGenerator<Finding, void> {
  const { signal } = options;
  using deadline = new Deadline(3 * patience, options);
  await using place = await host.spawn(temporaryScript, [], deadline);
  const directory = await firstLine(place.stdout);
  const check = "remote sockets";
  if (directory === "") {
    yield warn(check, "not tried: no directory could be made with mktemp");
    return;
  }
  const address = { kind: "unix", path: `${directory}/s` } as const;
  try {
    const serve = (stream: DuplexStream) => stream.close();
    await using _ = await host.listen(address, serve, deadline);
    yield ok(check, "allowed (streamlocal-forward): pods reach the API server");
    yield await findSocketDial(host, address, deadline);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    yield warn(
      check,
      "sshd does not listen on sockets for us: pods reach the API server only if the host can",
      // OpenSSH wants both for that.
      "set AllowStreamLocalForwarding yes and AllowTcpForwarding yes in its sshd_config",
    );
  } finally {
    await place.stdin.close().catch(() => undefined); // gone with the connection
    await place.ended;
  }
}

async function findSocketDial(
  host: Host,
  address: { readonly kind: "unix"; readonly path: string },
  options: AbortOptions,
): Promise<Finding> {
  const check = "socket forwarding";
  try {
    (await host.dial(address, options)).destroy();
    return ok(check, "allowed (direct-streamlocal)");
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    return warn(
      check,
      "sshd forbids it: the engine is reached by commands on the host",
      "set AllowStreamLocalForwarding yes in its sshd_config",
    );
  }
}

/** A directory that is gone when the input ends, as it also does when the connection is lost. */
const temporaryScript = `
umask 077
directory=$(mktemp -d) || exit 0
trap 'rm -rf "$directory"' EXIT
printf '%s\\n' "$directory"
cat >/dev/null`;

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream.values({ preventCancel: true })) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}
