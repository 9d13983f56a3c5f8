import type { GuestInput } from "../descriptors.ts";
import type { HostFile } from "../host_files.ts";
import { InputStream, OutputStream, promptSink } from "./streams.ts";

/** An open file that is closed when the last of a descriptor and its streams is dropped. */
export class SharedFile {
  readonly file: HostFile;
  #users = 1;

  constructor(file: HostFile) {
    this.file = file;
  }

  /** Counts out one user. */
  release(): void {
    if (--this.#users === 0) this.file.close();
  }

  /** Reads from a position to the end. */
  readFrom(start: bigint): InputStream {
    let position = Number(start);
    const input: GuestInput = {
      ready: true,
      untilReady: () => Promise.resolve(),
      take: (maxLength) => {
        const bytes = new Uint8Array(Math.min(maxLength, maxChunkBytes));
        const count = this.file.read(bytes, position);
        position += count;
        return bytes.subarray(0, count);
      },
    };
    return new InputStream(input, this.#lend());
  }

  /** Writes from a position on, or at the end as it is at each write. */
  writeFrom(start: bigint | "end"): OutputStream {
    let position = start === "end" ? undefined : Number(start);
    const sink = promptSink((bytes) => {
      const at = position ?? Number(this.file.stat().size);
      writeAll(this.file, bytes, at);
      if (position !== undefined) position += bytes.length;
    });
    return new OutputStream(sink, this.#lend());
  }

  #lend(): () => void {
    this.#users++;
    return () => this.release();
  }
}

function writeAll(file: HostFile, bytes: Uint8Array, position: number): void {
  // What comes from a guest's memory may be shared as far as the types know.
  const own = new Uint8Array(bytes);
  for (let done = 0; done < own.length;) {
    done += file.write(own.subarray(done), position + done);
  }
}

const maxChunkBytes = 65536;
