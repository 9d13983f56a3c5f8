import assert from "node:assert/strict";
import { needing } from "../../../tests/needing.ts";
import { sshdMissing } from "../../../tests/sshd.ts";
import { UnreachableError } from "../../errors.ts";
import { openEngine } from "./discover.ts";
import type { EngineClient } from "./engine_client.ts";
import { EngineError } from "./engine_error.ts";
import { NoEngineError } from "./no_engine.ts";
import { EngineHost } from "./test_engine_host.ts";

interface Stage {
  readonly stage: EngineHost;
  readonly engine: EngineClient;
  readonly signal: AbortSignal;
}

/** A test with an engine of which only the socket is real. */
function withEngine(
  name: string,
  test: (stage: Stage) => Promise<void>,
  config: readonly string[] = [],
): void {
  Deno.test({
    ...needing(sshdMissing(), name),
    async fn() {
      const signal = AbortSignal.timeout(20_000);
      await using stage = await EngineHost.start({ config, signal });
      const engine = await openEngine(stage.host, {
        socket: stage.socket,
        signal,
      });
      await test({ stage, engine, signal });
      engine.closeIdle();
    },
  });
}

withEngine(
  "EngineClient throws what the engine says as an EngineError, and takes 404 for nothing there",
  async ({ stage, engine, signal }) => {
    stage.answer((_, path) =>
      path === "/containers/create"
        ? Response.json({ cause: "x", message: "no such image" }, {
          status: 500,
        })
        : new Response("Bad gateway", { status: 502 })
    );
    await assert.rejects(
      engine.createContainer("web", {}, { signal }),
      (error) =>
        error instanceof EngineError && error.status === 500 &&
        error.engineMessage === "no such image" &&
        error.message === "Cannot create container web: no such image",
    );
    await assert.rejects(
      engine.startContainer("web", { signal }),
      /Cannot start container web: Bad gateway/,
    );
    stage.answer(() => Response.json({ message: "no" }, { status: 404 }));
    assert.equal(await engine.inspectContainer("a", { signal }), undefined);
    assert.equal(await engine.inspectImage("a", { signal }), undefined);
    assert.equal(await engine.execInspect("a", { signal }), undefined);
    const message = "container a does not exist in database: no such container";
    stage.answer(() => Response.json({ message }, { status: 500 }));
    assert.equal(await engine.inspectContainer("a", { signal }), undefined);
    stage.answer(() => Response.json({ message: "no" }, { status: 404 }));
    await engine.removeContainer("a", { force: true, signal });
    await engine.removeImage("a", { force: false, signal });
    await assert.rejects(engine.startContainer("a", { signal }), EngineError);
  },
);

withEngine(
  "EngineClient takes 304 for a container that runs already",
  async ({ stage, engine, signal }) => {
    stage.answer(() => new Response(null, { status: 304 }));
    await engine.startContainer("web", { signal });
  },
);

withEngine(
  "EngineClient sends names as they are, whatever is in them",
  async ({ stage, engine, signal }) => {
    let query = "";
    stage.answer((request) => {
      query = new URL(request.url).search;
      return Response.json([]);
    });
    await engine.listContainers({ labels: ["a=b&c d"], signal });
    assert.deepEqual(
      JSON.parse(new URLSearchParams(query).get("filters") ?? ""),
      { label: ["a=b&c d"] },
    );
    await assert.rejects(engine.inspectImage("a/b:c?d", { signal }));
    assert.equal(stage.requests.at(-1), "GET /images/a/b%3Ac%3Fd/json");
  },
);

withEngine(
  "EngineClient says that an engine is not reached while it is down, and goes on once it is back",
  async ({ stage, engine, signal }) => {
    stage.answer(() => Response.json([]));
    await engine.listContainers({ labels: [], signal });
    await stage.stopEngine();
    await assert.rejects(
      engine.listContainers({ labels: [], signal }),
      (error) =>
        error instanceof UnreachableError &&
        error.message.includes(stage.socket),
    );
    stage.startEngine();
    assert.deepEqual(
      await engine.listContainers({ labels: [], signal }),
      [],
    );
  },
);

withEngine(
  "EngineClient says that an engine is not reached while its host is not, and goes on once it is",
  async ({ stage, engine, signal }) => {
    const waiting = Promise.withResolvers<void>();
    const never = Promise.withResolvers<Response>();
    stage.answer(() => {
      waiting.resolve();
      return never.promise;
    });
    const asked = engine.listContainers({ labels: [], signal });
    const lost = assert.rejects(asked, UnreachableError);
    await waiting.promise;
    await stage.sshd.kill();
    await lost;
    await assert.rejects(engine.ping({ signal }), UnreachableError);
    never.resolve(Response.json([]));
    await stage.sshd.start();
    await stage.host.connected({ signal });
    await engine.ping({ signal });
  },
);

withEngine(
  "EngineClient.events() gives events until the engine ends them",
  async ({ stage, engine, signal }) => {
    const lines = [
      { Action: "start", id: "1", timeNano: 1_700_000_000_123_456_789 },
      { Type: "daemon" },
      {
        status: "die",
        Actor: { ID: "2", Attributes: { exitCode: "0" } },
        time: 5,
      },
    ];
    let since: string | null = null;
    stage.answer((request) => {
      since = new URL(request.url).searchParams.get("since");
      return new Response(
        lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
      );
    });
    const got: unknown[] = [];
    await assert.rejects(async () => {
      const from = 1_700_000_000_000_000_000;
      for await (
        const { id, action, timeNano, attributes } of engine.events({
          labels: [],
          since: from,
          signal,
        })
      ) got.push([id, action, timeNano, attributes]);
    }, UnreachableError);
    assert.deepEqual(got, [
      ["1", "start", 1_700_000_000_123_456_789, {}],
      ["2", "die", 5e9, { exitCode: "0" }],
    ]);
    assert.equal(since, "1699999999.999999000");
  },
);

withEngine(
  "EngineClient.events() ends with the link, and with its signal",
  async ({ stage, engine, signal }) => {
    const followed = () => {
      const begun = Promise.withResolvers<void>();
      stage.answer(() => {
        const line = `{"Action":"start","id":"1"}\n`;
        const body = new ReadableStream({
          start: (controller) =>
            controller.enqueue(new TextEncoder().encode(line)),
        });
        return new Response(body);
      });
      const follow = async (signal: AbortSignal) => {
        for await (const _ of engine.events({ labels: [], signal })) {
          begun.resolve();
        }
      };
      return { begun: begun.promise, follow };
    };
    const stop = new AbortController();
    const first = followed();
    const ended = assert.rejects(first.follow(stop.signal), /enough/);
    await first.begun;
    stop.abort(new Error("enough"));
    await ended;
    const second = followed();
    const lost = assert.rejects(second.follow(signal), UnreachableError);
    await second.begun;
    await stage.sshd.kill();
    await lost;
  },
);

withEngine(
  "openEngine() reaches the engine by a command where sshd forbids channels",
  async ({ stage, engine, signal }) => {
    assert.equal(engine.info.forwarding, "command");
    stage.answer(() => Response.json([]));
    const lists = Array.from(
      { length: 20 },
      () => engine.listContainers({ labels: [], signal }),
    );
    assert.deepEqual(await Promise.all(lists), Array(20).fill([]));
    await stage.stopEngine();
    await assert.rejects(engine.ping({ signal }), UnreachableError);
  },
  ["AllowStreamLocalForwarding no", "MaxSessions 3"],
);

/** A test of what is found on a host. */
function withHost(
  name: string,
  test: (stage: EngineHost, signal: AbortSignal) => Promise<void>,
): void {
  Deno.test({
    ...needing(sshdMissing(), name),
    async fn() {
      const signal = AbortSignal.timeout(20_000);
      await using stage = await EngineHost.start({ signal });
      await test(stage, signal);
    },
  });
}

withHost(
  "openEngine() asks the engine what it is, and speaks the newest version that both know",
  async (stage, signal) => {
    const { host, socket } = stage;
    const versions = { "1.40": "1.40", "1.41": "1.41", "1.99": "1.48" };
    for (const [offered, spoken] of Object.entries(versions)) {
      await stage.stopEngine();
      stage.startEngine({ "api-version": offered });
      const engine = await openEngine(host, { socket, signal });
      const { kind, apiVersion, arch, cpus, forwarding } = engine.info;
      assert.deepEqual(
        { kind, apiVersion, arch, cpus, forwarding, socket },
        {
          kind: "docker",
          apiVersion: spoken,
          arch: "amd64",
          cpus: 4,
          forwarding: "channel",
          socket,
        },
      );
      engine.closeIdle();
    }
  },
);

withHost(
  "openEngine() refuses an engine that is too old, and what is none",
  async (stage, signal) => {
    const { host, socket } = stage;
    const refusals = [
      [{ "api-version": "1.39" }, /speaks API 1.39, and farlet needs 1.40/],
      [{ server: "nginx" }, /neither Docker nor Podman/],
    ] as const;
    for (const [headers, message] of refusals) {
      await stage.stopEngine();
      stage.startEngine(headers);
      await assert.rejects(
        openEngine(host, { socket, signal }),
        (error) =>
          error instanceof NoEngineError && message.test(error.message),
      );
    }
  },
);

withHost(
  "openEngine() tells a socket that is not there from one that nobody listens on",
  async (stage, signal) => {
    const { host, socket } = stage;
    await assert.rejects(
      openEngine(host, { socket: `${socket}.not`, signal }),
      (error) =>
        error instanceof NoEngineError &&
        error.message.includes(`There is no socket "${socket}.not"`),
    );
    const listener = Deno.listen({ transport: "unix", path: `${socket}.new` });
    await Deno.rename(`${socket}.new`, `${socket}.dead`);
    listener.close();
    await assert.rejects(
      openEngine(host, { socket: `${socket}.dead`, signal }),
      UnreachableError,
    );
  },
);
