import { getLogger } from "../../../async/log.ts";
import type { RemoteAddress } from "../host.ts";
import type { Incoming, SshChannel, SshClient } from "./ssh_client.ts";

type Handle = (channel: SshChannel) => Promise<void>;

const log = getLogger("ssh");

/** Where a host listens for us on one connection. */
export class RemoteListeners {
  readonly #client: SshClient;
  readonly #handles = new Map<string, Handle>();

  constructor(client: SshClient) {
    this.#client = client;
    client.onIncoming((incoming) => this.#take(incoming));
  }

  /** Rejects when the server does not listen there; it does not say why. */
  async listen(
    address: RemoteAddress,
    handle: Handle,
  ): Promise<RemoteListener> {
    const key = listenKey(address);
    if (this.#handles.has(key)) {
      throw new Deno.errors.AddrInUse(`Cannot listen on ${key}: we do already`);
    }
    this.#handles.set(key, handle);
    try {
      if (address.kind === "unix") await this.#client.listenUnix(address.path);
      else await this.#client.listenTcp(address.host, address.port);
    } catch (error) {
      this.#handles.delete(key);
      throw error;
    }
    return new RemoteListener(async () => {
      this.#handles.delete(key);
      if (address.kind === "unix") {
        await this.#client.unlistenUnix(address.path);
      } else await this.#client.unlistenTcp(address.host, address.port);
    });
  }

  #take({ address, accept, reject }: Incoming): void {
    const handle = this.#handles.get(address);
    if (handle === undefined) return reject();
    const channel = accept();
    handle(channel).catch((error: unknown) => {
      log.warn("Cannot serve a connection from a host", { address, error });
      channel.destroy();
    });
  }
}

/** Something a host listens on for us, until the scope is left or the connection is lost. */
export class RemoteListener implements AsyncDisposable {
  readonly #end = Promise.withResolvers<void>();
  readonly #unlisten: () => Promise<void>;

  constructor(unlisten: () => Promise<void>) {
    this.#unlisten = unlisten;
  }

  /** Resolves when no more connections come. */
  get ended(): Promise<void> {
    return this.#end.promise;
  }

  get gone(): Promise<void> {
    return this.ended;
  }

  /** Says that the connection that carried it is gone. */
  lose(): void {
    this.#end.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A server that does not let go, or a connection that is gone: nothing comes any more.
    await this.#unlisten().catch(() => undefined);
    this.#end.resolve();
  }
}

function listenKey(address: RemoteAddress): string {
  return address.kind === "unix"
    ? address.path
    : `${address.host}:${address.port}`;
}
