import { fileURLToPath } from "node:url";
import { ownProcess } from "../../async/own_process.ts";
import type { GuestSpec } from "../../providers/wasm/guest_spec.ts";
import { specLine } from "../../providers/wasm/spec_line.ts";
import { eventually } from "../agent_process.ts";
import { testWasmtime } from "../test_program.ts";
import type { Figure } from "./figures.ts";
import { httpLoad } from "./http_load.ts";

const module = fileURLToPath(
  new URL("../guests/components/server.wasm", import.meta.url),
);
const load = { path: "/", connections: 16 };
const warmUp = 2_000;
const measured = 20_000;
const inAll = 100_000;

/** A component that answers each request with a fresh instance: here and in `wasmtime serve`. */
export async function benchWasmHttp(
  { program }: { readonly program?: readonly string[] } = {},
): Promise<readonly Figure[]> {
  const wasmtime = testWasmtime();
  const peerRate = wasmtime === undefined ? undefined : await (async () => {
    const peer = { ...load, port: freePort() };
    const address = `127.0.0.1:${peer.port}`;
    await using _server = new Server([
      ...[wasmtime, "serve", "--addr", address, module],
    ]);
    await answers(peer.port);
    await httpLoad({ ...peer, requests: warmUp });
    return (await httpLoad({ ...peer, requests: measured })).requestsPerSecond;
  })();
  const own = { ...load, port: freePort() };
  const line = specLine(specOf(own.port));
  await using server = new Server(runnerCommand(program), line);
  await answers(own.port);
  await httpLoad({ ...own, requests: warmUp });
  const { requestsPerSecond } = await httpLoad({ ...own, requests: measured });
  const early = await residentMib(server.pid);
  await httpLoad({ ...own, requests: inAll - measured - warmUp });
  const late = await residentMib(server.pid);
  const rate = Math.round(requestsPerSecond);
  return [
    {
      what: "HTTP component, fresh instances, requests a second",
      measured: peerRate === undefined
        ? `${rate} (no wasmtime: set FARLET_TEST_WASMTIME)`
        : `${(rate / peerRate).toFixed(2)} × wasmtime serve (${rate}, ${
          Math.round(peerRate)
        })`,
      wanted: "at least 0.4 × wasmtime serve",
    },
    {
      what: `resident memory after ${measured + warmUp} and ${inAll} of them`,
      measured: `${Math.round(early)} MiB, ${Math.round(late)} MiB`,
      wanted: "flat",
    },
  ];
}

/** As the agent starts it, but with its user and without its limits. */
function specOf(port: number): GuestSpec {
  return {
    module,
    component: true,
    http: {
      poolSize: 0,
      maxInvocations: 1,
      maxConcurrency: Number.MAX_SAFE_INTEGER,
    },
    listeners: [{ hostname: "127.0.0.1", port }],
    args: ["server"],
    env: {},
    preopens: [],
    stdin: false,
    parentPid: Deno.pid,
  };
}

function runnerCommand(program: readonly string[] | undefined) {
  const runner = new URL("../../providers/wasm/runner.ts", import.meta.url);
  const argument = "__wasm-runner";
  return program === undefined
    ? ownProcess({ module: runner, argument })
    : [...program, argument];
}

/** A server process, killed when disposed. */
class Server implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;

  constructor([program = "", ...args]: readonly string[], input?: Uint8Array) {
    this.#child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    if (input !== undefined) void this.#stdin.write(input);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended by itself.
    }
    await this.#child.status;
    await this.#stdin.abort().catch(() => undefined); // The pipe is gone.
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function answers(port: number): Promise<void> {
  const one = { port, path: "/", requests: 1, connections: 1 };
  await eventually(() => httpLoad(one));
}

async function residentMib(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}
