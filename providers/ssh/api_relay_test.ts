import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { needing } from "../../tests/needing.ts";
import {
  busyboxImage,
  sshHostsMissing,
  startHost,
  type TestHost,
} from "../../tests/ssh_hosts.ts";
import { trusting } from "../../tests/sshd.ts";
import {
  relayCapabilities,
  relayCommand,
  relayDirectory,
  relaySecurityOptions,
} from "./api_relay.ts";
import { ApiTunnel } from "./api_tunnel.ts";
import { openEngine } from "./engine/discover.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { PauseImage } from "./pause_image.ts";
import { eventually } from "./pause/test_pause.ts";
import { connectHost } from "./transport/ssh_host.ts";
import type { SshTarget } from "./transport/target.ts";

Deno.test("relayCommand() takes addresses of both families", () => {
  const commands = ["10.96.0.1", "fd00::1"].map((host) =>
    relayCommand({ host, port: 443 }).join(" ")
  );
  assert.deepEqual(commands, [
    "relay 10.96.0.1:443 /run/farlet/api.sock",
    "relay [fd00::1]:443 /run/farlet/api.sock",
  ]);
});

Deno.test({
  ...needing(
    sshHostsMissing(),
    "a sandbox that relays lets its pod reach the server, also after a reconnect",
  ),
  async fn() {
    const timeout = AbortSignal.timeout(90_000);
    const stop = new AbortController();
    const signal = AbortSignal.any([timeout, stop.signal]);
    await using machine = await startHost({ images: true });
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => new Response(`served ${new URL(request.url).pathname}`),
    );
    await using host = connectHost(await target(machine), { signal });
    await host.connected({ signal });
    const engine = await openEngine(host, { signal });
    const image = await new PauseImage(engine).ensure({ signal });
    const tunnel = new ApiTunnel({
      host,
      server: { host: "127.0.0.1", port: server.addr.port },
      directory: () => Promise.resolve("/var/lib/farlet/test/api"),
    });
    const running = tunnel.run({ signal });
    try {
      const directory = await tunnel.directory({ signal });
      const pod = new Pod({ machine, engine, signal });
      await pod.startSandbox(image, directory);
      // The program that relays leaves its port to others in the pod.
      const listener = await pod.start("nc -l -p 80");
      assert.equal(await pod.fetch("/first"), "served /first");

      await machine.exec("pkill", "-f", "sshd: root@notty");
      assert.equal(await pod.fetch("/again"), "served /again");
      const { State } = await engine.inspectContainer(listener, { signal }) ??
        {};
      assert.equal(State?.Running, true);
    } finally {
      stop.abort();
      await running;
    }
  },
});

/** A sandbox with containers in its network. */
class Pod {
  readonly #machine: TestHost;
  readonly #engine: EngineClient;
  readonly #signal: AbortSignal;
  #sandbox = "";

  constructor({ machine, engine, signal }: {
    readonly machine: TestHost;
    readonly engine: EngineClient;
    readonly signal: AbortSignal;
  }) {
    this.#machine = machine;
    this.#engine = engine;
    this.#signal = signal;
  }

  async startSandbox(image: string, directory: string): Promise<void> {
    this.#sandbox = await this.#start({
      Image: image,
      Cmd: relayCommand({ host: "10.96.0.1", port: 80 }),
      HostConfig: {
        NetworkMode: "bridge",
        Binds: [`${directory}:${relayDirectory}:ro`],
        CapDrop: ["ALL"],
        CapAdd: relayCapabilities,
        ReadonlyRootfs: true,
        SecurityOpt: ["no-new-privileges", ...relaySecurityOptions],
      },
    });
  }

  /** Starts a script in a container of the pod; resolves its ID. */
  start(script: string): Promise<string> {
    return this.#start({
      Image: busyboxImage,
      Cmd: ["sh", "-c", script],
      HostConfig: { NetworkMode: `container:${this.#sandbox}` },
    });
  }

  /** What the server says to the pod, when it does. */
  async fetch(path: string): Promise<string> {
    const id = await this.start(
      `for try in $(seq 100); do
        wget -q -T 5 -O - http://10.96.0.1${path} && exit; sleep 0.2
      done; exit 1`,
    );
    await this.#machine.exec("podman", "wait", id);
    return await this.#machine.exec("podman", "logs", id);
  }

  async #start(body: object): Promise<string> {
    const options = { signal: this.#signal };
    // The link may be down: it is made again.
    return await eventually(async () => {
      const name = `test-${crypto.randomUUID()}`;
      const id = await this.#engine.createContainer(name, {
        ...body,
        Healthcheck: { Test: ["NONE"] },
      }, options);
      await this.#engine.startContainer(id, options);
      return id;
    });
  }
}

async function target(machine: TestHost): Promise<SshTarget> {
  const known = await Deno.readTextFile(machine.knownHosts);
  return {
    host: machine.address,
    port: 22,
    user: "root",
    identities: [{
      source: machine.keyFile,
      privateKey: () => Deno.readTextFile(machine.keyFile),
    }],
    knownHosts: trusting(Buffer.from(known.split(" ")[2] ?? "", "base64")),
  };
}
