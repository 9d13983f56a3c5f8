import type { AbortOptions } from "../../async/abort.ts";
import { messageOf } from "../../async/message_of.ts";
import type { ContainerAccess } from "../../providers/runtime.ts";
import type { StreamingRequest } from "./exec_request.ts";

/** What a command came to that was run without streams. */
export type RunOutcome =
  /** What it wrote: first its standard output, then its standard error. */
  | { readonly kind: "succeeded"; readonly output: Uint8Array<ArrayBuffer> }
  /** To be answered with 500. */
  | { readonly kind: "failed"; readonly message: string };

/** As the limit of CRI runtimes. */
const maxOutputBytes = 16 * 1024 * 1024;

/** Runs a command without input to its end, as the kubelet's `/run`. */
export async function runOnce(
  backend: Pick<ContainerAccess, "exec">,
  { ref, command }: Extract<StreamingRequest, { readonly kind: "run" }>,
  { signal }: AbortOptions,
): Promise<RunOutcome> {
  const stdout = new Output();
  const stderr = new Output();
  const full = AbortSignal.any([stdout.full, stderr.full]);
  try {
    if (backend.exec === undefined) throw new Error("not implemented");
    const code = await backend.exec(ref, command, {
      stdout: stdout.writable,
      stderr: stderr.writable,
      signal: AbortSignal.any([signal, full]),
    });
    full.throwIfAborted();
    if (code !== 0) {
      const text = new TextDecoder().decode(stderr.bytes());
      const message = `command '${command.join(" ")}' exited with ${code}`;
      return { kind: "failed", message: `${message}: ${text}` };
    }
  } catch (error) {
    return { kind: "failed", message: messageOf(full.reason ?? error) };
  }
  const first = stdout.bytes();
  const second = stderr.bytes();
  const output = new Uint8Array(first.length + second.length);
  output.set(first);
  output.set(second, first.length);
  return { kind: "succeeded", output };
}

/** Keeps what is written; aborts {@linkcode Output.full} when that is too much. */
class Output {
  readonly writable: WritableStream<Uint8Array>;
  readonly #chunks: Uint8Array[] = [];
  readonly #full = new AbortController();
  #size = 0;

  constructor() {
    this.writable = new WritableStream({ write: (chunk) => this.#add(chunk) });
  }

  get full(): AbortSignal {
    return this.#full.signal;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  #add(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#size > maxOutputBytes) {
      const why = `the command wrote more than ${maxOutputBytes} bytes`;
      const error = new Error(why);
      this.#full.abort(error);
      throw error;
    }
    // The writer may use its buffer again.
    this.#chunks.push(chunk.slice());
  }
}
