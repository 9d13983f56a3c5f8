import { errno, errnoOf } from "../errno.ts";
import type { GuestInput } from "../descriptors.ts";
import type { SocketInterest } from "../linux_sockets.ts";
import { failWith } from "./guest_error.ts";
import { Pollable } from "./pollable.ts";
import type { SocketNetwork } from "./socket_network.ts";
import type { GuestSink } from "./streams.ts";

/** A socket, which lives until nobody has any part of it. */
export class SharedSocket {
  readonly handle: number;
  readonly network: SocketNetwork;
  #users = 0;

  constructor(handle: number, network: SocketNetwork) {
    this.handle = handle;
    this.network = network;
  }

  /** One more has it; to be let go of once. */
  use(): Disposable {
    this.#users++;
    let used = true;
    return {
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        if (--this.#users > 0) return;
        this.network.waits.forget(this.handle);
        this.network.net.sockets.close(this.handle);
      },
    };
  }

  /** For a guest that waits until it can read, or write. */
  pollable(kind: SocketInterest["kind"]): Pollable {
    const { handle, network: { waits } } = this;
    const interests = [{ handle, kind }];
    return new Pollable(
      () => waits.ready(interests),
      (options) => waits.wait(interests, options),
    );
  }
}

/** What comes over a connection. */
export class SocketInput implements GuestInput {
  readonly #socket: SharedSocket;
  readonly #buffer = new Uint8Array(65536);
  #unread = new Uint8Array(0);
  #end: { readonly error: unknown } | "end" | undefined;
  #waiting: Promise<void> | undefined;

  constructor(socket: SharedSocket) {
    this.#socket = socket;
  }

  get ready(): boolean {
    if (this.#unread.length > 0 || this.#end !== undefined) return true;
    try {
      const { handle, network } = this.#socket;
      const options = { peek: false, datagram: false };
      const { count } = network.net.sockets
        .receive(handle, this.#buffer, options);
      if (count === 0) this.#end = "end";
      else this.#unread = this.#buffer.slice(0, count);
      return true;
    } catch (error) {
      if (errnoOf(error) === errno.again) return false;
      this.#end = { error };
      return true;
    }
  }

  untilReady(): Promise<void> {
    const { handle, network } = this.#socket;
    this.#waiting ??= network.waits.wait([{ handle, kind: "read" }])
      .finally(() => this.#waiting = undefined);
    return this.#waiting;
  }

  take(maxLength: number): Uint8Array {
    if (this.#unread.length === 0 && typeof this.#end === "object") {
      const { error } = this.#end;
      this.#end = "end";
      throw error;
    }
    const taken = this.#unread.subarray(0, maxLength);
    this.#unread = this.#unread.subarray(taken.length);
    return taken;
  }

  /** Nothing more is read; what came already is gone. */
  close(): void {
    this.#end = "end";
    this.#unread = new Uint8Array(0);
  }
}

/** What goes over a connection. */
export class SocketSink implements GuestSink {
  readonly #socket: SharedSocket;
  #unsent: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #failure: { readonly error: unknown } | undefined;
  #closed = false;
  #draining: Promise<void> | undefined;

  constructor(socket: SharedSocket) {
    this.#socket = socket;
  }

  get room(): number {
    this.#check();
    return this.#unsent.length > 0 ? 0 : mostAtOnce;
  }

  get ready(): boolean {
    const isOver = this.#failure !== undefined || this.#closed;
    return isOver || this.#unsent.length === 0;
  }

  write(bytes: Uint8Array): void {
    this.#check();
    const all = new Uint8Array(this.#unsent.length + bytes.length);
    all.set(this.#unsent);
    all.set(bytes, this.#unsent.length);
    this.#unsent = all;
    this.#send();
    if (this.#unsent.length > 0) this.#draining ??= this.#drain();
  }

  untilRoom(): Promise<void> {
    return this.#draining ?? Promise.resolve();
  }

  flush(): Promise<void> | undefined {
    if (this.#draining === undefined && this.#failure !== undefined) {
      this.#check();
    }
    return this.#draining?.then(() => this.#check());
  }

  /** Resolves when all is sent, or cannot be. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
  }

  #check(): void {
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      this.#closed = true;
      throw error;
    }
    if (this.#closed) failWith({ tag: "closed" });
  }

  #send(): void {
    const { handle, network } = this.#socket;
    try {
      while (this.#unsent.length > 0) {
        const sent = network.net.sockets.send(handle, this.#unsent);
        this.#unsent = this.#unsent.slice(sent);
      }
    } catch (error) {
      if (errnoOf(error) === errno.again) return;
      this.#failure = { error };
      this.#unsent = new Uint8Array(0);
    }
  }

  async #drain(): Promise<void> {
    const { handle, network } = this.#socket;
    // Those who end their program in a hurry still have what they wrote sent.
    using _use = this.#socket.use();
    while (this.#unsent.length > 0) {
      await network.waits.wait([{ handle, kind: "write" }]);
      this.#send();
    }
    this.#draining = undefined;
  }
}

const mostAtOnce = 65536;
