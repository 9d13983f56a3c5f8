import { dirname, join } from "node:path";
import { ConfigError } from "../async/config_error.ts";
import { messageOf } from "../async/message_of.ts";

/** A unix socket with a path; closing the listener is its user's affair. */
export interface LocalSocket extends AsyncDisposable {
  readonly listener: Deno.UnixListener;
}

/** What the kernel takes (`sun_path`, without its final zero). */
const maxPathBytes = 107;

/**
 * Listens on a unix socket that only its owner may use, and never anybody else before.
 *
 * A socket that a dead agent left there is replaced. The path is removed with the scope, unless
 * somebody else has it by then.
 *
 * @throws {ConfigError} When the path is too long, its directory cannot be written, or another
 * agent answers there.
 */
export async function listenLocally(path: string): Promise<LocalSocket> {
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > maxPathBytes) {
    throw refused(
      path,
      `a socket's path has at most ${maxPathBytes} bytes, and this has ${bytes}; name a shorter state directory`,
    );
  }
  if (await isTaken(path)) throw refused(path, "another agent answers there");
  if (await isOther(path)) {
    throw refused(path, "something else than a socket is there");
  }
  try {
    return await bind(path);
  } catch (cause) {
    throw refused(path, messageOf(cause), { cause });
  }
}

/** Removes the sockets in `dir` whose names match and that nobody listens on any more. */
export async function removeDeadSockets(
  dir: string,
  names: RegExp,
): Promise<void> {
  for await (const { name } of Deno.readDir(dir)) {
    const path = join(dir, name);
    if (names.test(name) && !await isTaken(path)) await remove(path);
  }
}

/** Binds out of others' sight, and shows the socket under its name when it is private. */
async function bind(path: string): Promise<LocalSocket> {
  // Short: the path of the socket in it must not be longer than the final one.
  const hidden = join(dirname(path), `.${crypto.randomUUID().slice(0, 6)}`);
  await Deno.mkdir(hidden, { mode: 0o700 });
  const first = join(hidden, "s");
  let listener: Deno.UnixListener | undefined;
  try {
    listener = Deno.listen({ transport: "unix", path: first });
    await Deno.chmod(first, 0o600);
    await Deno.rename(first, path);
  } catch (error) {
    listener?.close();
    throw error;
  } finally {
    await Deno.remove(hidden, { recursive: true });
  }
  const { ino } = await Deno.lstat(path);
  return {
    listener,
    async [Symbol.asyncDispose]() {
      if (await inodeOf(path) === ino) await remove(path);
    },
  };
}

async function inodeOf(path: string): Promise<number | null | undefined> {
  try {
    return (await Deno.lstat(path)).ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether somebody may have the socket, of whichever user; one that is too busy has it too. */
async function isTaken(path: string): Promise<boolean> {
  const { NotFound, ConnectionRefused } = Deno.errors;
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    return !(error instanceof NotFound || error instanceof ConnectionRefused);
  }
}

async function isOther(path: string): Promise<boolean> {
  try {
    return !(await Deno.lstat(path)).isSocket;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function refused(path: string, why: string, options?: ErrorOptions) {
  return new ConfigError(
    `Cannot serve the local API on ${path}: ${why}`,
    options,
  );
}
