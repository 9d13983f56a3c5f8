import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { needing } from "../../../tests/needing.ts";
import {
  busyboxImage,
  sshHostsMissing,
  startHost,
  type TestHost,
} from "../../../tests/ssh_hosts.ts";
import { UnreachableError } from "../../errors.ts";
import { targetOf } from "../test_bench.ts";
import { connectHost } from "../transport/ssh_host.ts";
import { demultiplex } from "./demultiplex.ts";
import { openEngine } from "./discover.ts";
import type { EngineClient } from "./engine_client.ts";
import { EngineError } from "./engine_error.ts";

interface Stage {
  readonly machine: TestHost;
  readonly engine: EngineClient;
  readonly signal: AbortSignal;
}

const label = "farlet.test=1";

function withPodman(
  name: string,
  forwarding: "channel" | "command",
  test: (stage: Stage) => Promise<void>,
): void {
  Deno.test({
    ...needing(sshHostsMissing(), name),
    async fn() {
      await using machine = await startHost({ images: true });
      const signal = AbortSignal.timeout(60_000);
      const port = forwarding === "channel"
        ? 22
        : await forbiddingPort(machine);
      const target = { ...targetOf(machine), port };
      await using host = connectHost(target, { signal });
      await host.connected({ signal });
      const engine = await openEngine(host, { signal });
      assert.equal(engine.info.forwarding, forwarding);
      await test({ machine, engine, signal });
      engine.closeIdle();
    },
  });
}

/** A second sshd on the host, which forbids the forwarding of sockets. */
async function forbiddingPort(machine: TestHost): Promise<number> {
  const directory = dirname(machine.keyFile);
  const config = join(directory, "sshd_config");
  await machine.shell(
    `sed 's/^Port .*/Port 2222/; s/^AllowStreamLocal.*/AllowStreamLocalForwarding no/' ${config} > ${config}2
    /usr/sbin/sshd -f ${config}2`,
  );
  return 2222;
}

/** Makes and starts a container that runs a script. */
async function start(
  { engine, signal }: Stage,
  name: string,
  script: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const id = await engine.createContainer(name, {
    Image: busyboxImage,
    Entrypoint: ["sh", "-c", script],
    Labels: { "farlet.test": "1" },
    HostConfig: { NetworkMode: "none" },
    ...body,
  }, { signal });
  await engine.startContainer(id, { signal });
  return id;
}

async function outputs(
  source: Pick<DuplexStream, "read">,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const got = { stdout: "", stderr: "" };
  const take = (name: keyof typeof got) => (bytes: Uint8Array) => {
    got[name] += new TextDecoder().decode(bytes);
    return Promise.resolve();
  };
  await demultiplex(source, { stdout: take("stdout"), stderr: take("stderr") });
  return got;
}

function reading(body: ReadableStream<Uint8Array>) {
  const reader = body.getReader();
  return { read: async () => (await reader.read()).value };
}

const encoder = new TextEncoder();

for (const forwarding of ["channel", "command"] as const) {
  withPodman(
    `EngineClient runs a container of Podman's and talks to it (by ${forwarding})`,
    forwarding,
    async (stage) => {
      const { engine, signal } = stage;
      const seen: string[] = [];
      const destroyed = (async () => {
        for await (const event of engine.events({ labels: [label], signal })) {
          seen.push(event.action);
          if (/destroy|remove/.test(event.action)) return;
        }
      })();
      destroyed.catch(() => undefined); // What failed before says more.
      const id = await start(
        stage,
        "life",
        "echo out; echo err >&2; while read line; do echo got $line; done; trap 'exit 7' TERM; sleep 1000 & wait",
        { OpenStdin: true, StdinOnce: true },
      );

      const attached = await engine.attach(id, { stdin: true, signal });
      await attached.write(encoder.encode("one\ntwo\n"));
      const command = ["sh", "-c", "cat; echo bye >&2; exit 3"];
      const options = { command, stdin: true, tty: false };
      const exec = await engine.execCreate(id, options, { signal });
      const streams = await engine.execStart(exec, { tty: false, signal });
      await streams.write(encoder.encode("hello"));
      await streams.closeWrite();
      assert.deepEqual(await outputs(streams), {
        stdout: "hello",
        stderr: "bye\n",
      });
      await streams.close();
      const ended = await engine.execInspect(exec, { signal });
      assert.deepEqual([ended?.Running, ended?.ExitCode], [false, 3]);
      await attached.closeWrite();
      attached.destroy();

      const stats = await engine.containerStats(id, { signal });
      assert.equal((stats?.cpu_stats?.cpu_usage?.total_usage ?? 0) > 0, true);
      const running = await engine.listContainers({ labels: [label], signal });
      assert.deepEqual(running.map((each) => [each.Id, each.State]), [
        [id, "running"],
      ]);

      const log = await engine.containerLogs(id, { follow: true, signal });
      const followed = outputs(reading(log));
      await engine.killContainer(id, "SIGTERM", { signal });
      const { stdout, stderr } = await followed;
      assert.match(stdout, /^out\ngot one\ngot two\n$/);
      assert.equal(stderr, "err\n");
      await engine.removeContainer(id, { force: true, signal });
      await destroyed;
      assert.deepEqual(
        seen.map((action) => action.replace("died", "die")),
        ["create", "start", "die", "remove"],
      );
      assert.equal(await engine.inspectContainer(id, { signal }), undefined);
    },
  );
}

withPodman(
  "EngineClient outlives Podman: events end, containers and requests go on",
  "channel",
  async (stage) => {
    const { engine, machine, signal } = stage;
    const id = await start(stage, "stays", "sleep 1000");
    const begun = Promise.withResolvers<void>();
    const lost = assert.rejects(async () => {
      const options = { labels: [label], since: 0, signal };
      for await (const _ of engine.events(options)) begun.resolve();
    }, UnreachableError);
    await begun.promise;
    await machine.shell("pkill -9 -f '^podman system service'");
    await lost;
    await assert.rejects(engine.ping({ signal }), UnreachableError);
    await machine.shell(
      "setsid podman system service --time 0 unix:///run/podman/podman.sock >/dev/null 2>&1 </dev/null & until podman --url unix:///run/podman/podman.sock version >/dev/null 2>&1; do :; done",
    );
    const found = await engine.inspectContainer(id, { signal });
    assert.equal(found?.State.Status, "running");
    await engine.removeContainer(id, { force: true, signal });
  },
);

withPodman(
  "EngineClient sizes terminals, renames, and says what Podman refuses",
  "channel",
  async (stage) => {
    const { engine, signal } = stage;
    const id = await start(stage, "web", "sleep 1000");
    await engine.renameContainer(id, "web2", { signal });
    const renamed = await engine.inspectContainer("web2", { signal });
    assert.equal(renamed?.Id, id);
    const command = ["sh", "-c", "read x; stty size"];
    const exec = await engine.execCreate(
      id,
      { command, stdin: true, tty: true },
      { signal },
    );
    const terminal = await engine.execStart(exec, { tty: true, signal });
    await engine.execResize(exec, { columns: 97, rows: 31 }, { signal });
    await terminal.write(encoder.encode("\n"));
    let screen = "";
    for (;;) {
      const chunk = await terminal.read();
      if (chunk === undefined) break;
      screen += new TextDecoder().decode(chunk);
    }
    assert.match(screen, /31 97/);
    await terminal.close();
    await assert.rejects(
      engine.createContainer("web2", { Image: busyboxImage }, { signal }),
      (error) => error instanceof EngineError && /in use/.test(error.message),
    );
    await assert.rejects(
      engine.createContainer("x", { Image: "nowhere/none:1" }, { signal }),
      (error) => error instanceof EngineError && error.status === 404,
    );
    await engine.removeContainer(id, { force: true, signal });
    await engine.removeContainer(id, { force: true, signal });
    await assert.rejects(
      engine.killContainer(id, "SIGTERM", { signal }),
      (error) => error instanceof EngineError && error.status === 404,
    );
    await assert.rejects(
      engine.loadImage(
        ReadableStream.from([encoder.encode("no archive".repeat(100))]),
        { signal },
      ),
      EngineError,
    );
  },
);
