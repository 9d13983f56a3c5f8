import { untilAborted } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import type { ProgramHost } from "../program_host.ts";
import type { PortConnection } from "../runtime.ts";

/**
 * Runs the verbs in `args` one after the other and gives the exit code.
 *
 * `echo TEXT`, `err TEXT`, `exit CODE`, `sleep MS`, `cat FILE`, `write FILE TEXT`, `env NAME`,
 * `lines COUNT`; `spin`, and no verb at all, run until the signal aborts. The same verbs are
 * understood by the WASI guest in `tests/guests`, so that one suite serves all providers.
 *
 * Beside these: `cat` or `stdin` copies standard input to standard output, `sink` prints how many
 * bytes it has, `bytes COUNT` writes so many, `size` prints each size of the terminal, and `listen
 * PORT` answers on a port of the pod with what it is sent, until the signal aborts.
 */
export async function runProgram(host: ProgramHost): Promise<number> {
  const words = [...host.args];
  if (words.length === 0) words.push("spin");
  for (let verb = words.shift(); verb !== undefined; verb = words.shift()) {
    const word = () => words.shift() ?? "";
    switch (verb) {
      case "echo":
        host.print("stdout", `${word()}\n`);
        break;
      case "err":
        host.print("stderr", `${word()}\n`);
        break;
      case "exit":
        return Number(word());
      case "sleep":
        await delay(Number(word()), host);
        break;
      case "spin":
        await untilAborted(host.signal);
        host.signal.throwIfAborted();
        break;
      case "env":
        host.print("stdout", `${host.env[word()] ?? ""}\n`);
        break;
      case "lines":
        await write(host, lines(Number(word())));
        break;
      case "bytes":
        await write(host, bytes(Number(word())));
        break;
      case "cat": {
        if (words.length === 0) {
          await copyInput(host);
          break;
        }
        const path = word();
        const text = host.read(path);
        if (text === undefined) {
          host.print("stderr", `cat: ${path}: No such file\n`);
          return 1;
        }
        host.print("stdout", text);
        break;
      }
      case "stdin":
        await copyInput(host);
        break;
      case "sink":
        host.print("stdout", `${await countInput(host)}\n`);
        break;
      case "size":
        await printSizes(host);
        break;
      case "listen":
        await answer(host, Number(word()));
        break;
      case "write":
        host.write(word(), word());
        break;
      default:
        host.print("stderr", `unknown verb: ${verb}\n`);
        return 127;
    }
  }
  return 0;
}

async function write(
  { stdout, signal }: ProgramHost,
  chunks: Iterable<Uint8Array>,
): Promise<void> {
  const options = { signal, preventClose: true };
  await ReadableStream.from(chunks).pipeTo(stdout, options);
}

/** `line 1` to `line COUNT`, some thousands at a time. */
function* lines(count: number): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = "";
  for (let i = 1; i <= count; i++) {
    text += `line ${i}\n`;
    if (text.length < chunkLength) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}

function* bytes(count: number): Generator<Uint8Array> {
  const chunk = new Uint8Array(chunkLength).fill(0x78);
  for (let left = count; left > 0; left -= chunkLength) {
    yield left < chunkLength ? chunk.subarray(0, left) : chunk;
  }
}

async function copyInput(
  { stdin, stdout, signal }: ProgramHost,
): Promise<void> {
  await stdin?.pipeTo(stdout, { signal, preventClose: true });
}

async function countInput({ stdin, signal }: ProgramHost): Promise<number> {
  let count = 0;
  const counter = new WritableStream<Uint8Array>({
    write(chunk) {
      count += chunk.length;
    },
  });
  await stdin?.pipeTo(counter, { signal });
  return count;
}

async function printSizes(
  { resize, print, signal }: ProgramHost,
): Promise<void> {
  const printer = new WritableStream({
    write: ({ columns, rows }) => print("stdout", `${columns}x${rows}\n`),
  });
  await resize?.pipeTo(printer, { signal });
}

async function answer(host: ProgramHost, port: number): Promise<void> {
  // The connections end with the program, and none of them makes it fail.
  for await (const connection of host.listen(port)) void echo(connection);
  host.signal.throwIfAborted();
}

async function echo({ readable, writable }: PortConnection): Promise<void> {
  try {
    await readable.pipeTo(writable);
  } catch {
    // The client dropped the connection, which is the end of it.
  }
}

const chunkLength = 65536;
