import { messageOf } from "../../../async/message_of.ts";
import { Semaphore } from "../../../async/semaphore.ts";
import type { HttpSettings } from "../guest_spec.ts";
import type { HttpCounter } from "../http_usage.ts";
import type { ComponentInstance } from "./component_instance.ts";
import {
  IncomingRequest,
  type OutgoingResponse,
  ResponseOutparam,
} from "./http_messages.ts";
import { SlowClients } from "./slow_clients.ts";
import { InstancePool } from "./instance_pool.ts";

/** Where a server of HTTP requests listens. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** What a server calls. */
export interface HttpGuest {
  readonly settings: HttpSettings;
  readonly counter: HttpCounter;
  /** A new instance, which answers requests. */
  instantiate(): ComponentInstance;
  /** Calls the handler of an instance. */
  handle(
    instance: ComponentInstance,
    request: IncomingRequest,
    response: ResponseOutparam,
  ): Promise<unknown>;
  /** Told why a request got no answer of the guest. */
  failed(why: string): void;
}

/** Answers requests at several addresses, until it is drained. */
export class HttpGuestServer {
  readonly #guest: HttpGuest;
  readonly #pool: InstancePool;
  readonly #turns: Semaphore;
  readonly #clients = new SlowClients();
  /** Nobody gives up a turn: the handler of who has left is ended at once. */
  readonly #lifetime = { signal: new AbortController().signal };
  readonly #servers: readonly Deno.HttpServer<Deno.NetAddr>[];

  /** Listens; throws where it cannot. */
  constructor(addresses: readonly ListenAddress[], guest: HttpGuest) {
    const { settings } = guest;
    this.#guest = guest;
    this.#pool = new InstancePool(guest.instantiate, settings);
    this.#turns = new Semaphore(settings.maxConcurrency);
    this.#servers = addresses.map((address) =>
      Deno.serve(
        { ...address, onListen: () => {} },
        (request) => this.#answer(request),
      )
    );
  }

  /** Resolves when it is drained. */
  async finished(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.finished));
  }

  /** Listens no more and resolves when all requests under way are answered. */
  async drain(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.shutdown()));
  }

  async #answer(request: Request): Promise<Response> {
    const { counter } = this.#guest;
    const began = performance.now();
    counter.begin();
    let status = 500;
    const count = () => counter.end(status, (performance.now() - began) / 1000);
    try {
      const { response, ended } = await this.#respond(request);
      ({ status } = response);
      // A response counts when the guest has written all of it.
      void ended.then(count);
      return response;
    } catch (error) {
      count();
      this.#guest.failed(messageOf(error));
      return failure();
    }
  }

  async #respond(request: Request): Promise<Answer> {
    const turn = await this.#turns.acquire(this.#lifetime);
    let pooled;
    try {
      pooled = this.#pool.take();
    } catch (error) {
      turn[Symbol.dispose]();
      throw error;
    }
    const { instance } = pooled;
    const first = Promise.withResolvers<OutgoingResponse | undefined>();
    let given: OutgoingResponse | undefined;
    let hasAnswered = false;
    const param = new ResponseOutparam((response, error) => {
      hasAnswered = true;
      given = response;
      if (error !== undefined) this.#guest.failed(`the guest gave ${error}`);
      first.resolve(response);
    });
    let hasLeft = false;
    const waiting = this.#clients.add(request, () => {
      // The client has all of the answer; the guest may work on.
      if (hasAnswered && given?.isFinished !== false) return;
      hasLeft = true;
      instance.end(new Error("the client has gone"));
    });
    const incoming = new IncomingRequest(request);
    const ended = this.#guest.handle(instance, incoming, param).then(
      () => {
        if (!hasAnswered) this.#guest.failed("the guest gave no response");
        return true;
      },
      (error) => {
        if (!hasLeft) this.#guest.failed(trapText(error));
        return false;
      },
    ).then((usable) => {
      waiting[Symbol.dispose]();
      first.resolve(undefined);
      given?.abandon();
      this.#pool.giveBack(pooled, usable);
      turn[Symbol.dispose]();
    });
    const response = await first.promise;
    for (let i = 0; i < shortTurns && response?.isOver === false; i++) {
      await undefined;
    }
    return { response: response?.toResponse() ?? failure(), ended };
  }
}

interface Answer {
  readonly response: Response;
  /** Resolves when the guest is done with it. */
  readonly ended: Promise<void>;
}

/**
 * A call of the host suspends the guest for a few turns of the microtask queue even where it need
 * not wait. A body that is whole after these costs far less than one that is streamed.
 */
const shortTurns = 100;

function failure(): Response {
  return new Response("the guest gave no response\n", { status: 500 });
}

function trapText(error: unknown): string {
  return `wasm trap: ${messageOf(error)}`;
}
