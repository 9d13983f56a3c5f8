import { UnreachableError } from "../../errors.ts";
import type { CommandEnd, RemoteProcess } from "../host.ts";
import { ChunkReader, ChunkWriter } from "./channel_stream.ts";
import type { SshChannel } from "./ssh_client.ts";

/** A command in a session of an SSH connection. */
export class SessionProcess implements RemoteProcess {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly ended: Promise<CommandEnd>;
  readonly #channel: SshChannel;
  readonly #readers: readonly ChunkReader[];
  readonly #writer: ChunkWriter;
  readonly #end = Promise.withResolvers<CommandEnd>();
  #lost: UnreachableError | undefined;

  constructor(channel: SshChannel) {
    this.#channel = channel;
    const stdout = new ChunkReader(channel);
    const stderr = new ChunkReader(channel.stderr);
    this.#readers = [stdout, stderr];
    this.#writer = new ChunkWriter(channel);
    this.stdout = this.#readable(stdout);
    this.stderr = this.#readable(stderr);
    this.stdin = new WritableStream({
      write: (bytes) => this.#writer.write(bytes),
      close: () => this.#writer.end(),
      abort: () => this.#writer.end(),
    });
    this.ended = this.#end.promise;
    channel.once("exit", (code: number | null, signal?: string) => {
      this.#end.resolve(
        code === null
          ? { signal: signal?.replace(/^SIG/, "") ?? "UNKNOWN" }
          : { code },
      );
    });
    channel.once("close", () => this.#end.resolve({}));
  }

  /** Resolves when the session is gone. */
  get gone(): Promise<void> {
    return this.#writer.gone;
  }

  /** Says that the connection that carried it is gone. */
  lose(error: UnreachableError): void {
    this.#lost ??= error;
    this.#end.resolve({});
    this.#writer.lose(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers) reader.discard();
    this.#channel.destroy();
    await this.#writer.gone;
  }

  #readable(reader: ChunkReader): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const chunk = await reader.read();
        if (chunk !== undefined) return controller.enqueue(chunk);
        if (this.#lost !== undefined) return controller.error(this.#lost);
        controller.close();
      },
      cancel: () => reader.discard(),
    }, { highWaterMark: 0 });
  }
}
