import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalApi } from "./local_api.ts";

interface Bench {
  readonly dir: string;
  /** Somebody who answers every request with its method, path and query. */
  serve(name: string): string;
  find(
    options?: {
      readonly socket?: string;
      readonly env?: Record<string, string>;
    },
  ): Promise<string>;
}

const { signal } = new AbortController();

async function withDir(use: (bench: Bench) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "s" });
  await using scope = new AsyncDisposableStack();
  scope.defer(() => Deno.remove(dir, { recursive: true }));
  await use({
    dir,
    serve(name) {
      const path = join(dir, name);
      scope.use(Deno.serve({ path, onListen: () => undefined }, answer));
      return path;
    },
    async find({ socket, env = {} } = {}) {
      using api = await LocalApi.find({ socket, env, stateDir: dir, signal });
      return api.socket;
    },
  });
}

function answer(request: Request): Response {
  const { pathname, search } = new URL(request.url);
  switch (pathname) {
    case "/text":
      return new Response('pod "x" does not exist', { status: 404 });
    case "/status":
      return Response.json({
        kind: "Status",
        reason: "Conflict",
        message: "no",
      }, { status: 409 });
    default:
      return new Response(`${request.method} ${pathname}${search}`);
  }
}

function leaveDead(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.first` });
  Deno.renameSync(`${path}.first`, path);
  listener.close();
}

Deno.test("LocalApi.find() takes the agent before a run, and the only run without an agent", async () => {
  await withDir(async ({ dir, serve, find }) => {
    leaveDead(join(dir, "agent.sock.old"));
    leaveDead(join(dir, "run-1.sock"));
    const run = serve("run-2.sock");
    assert.equal(await find(), run);
    const agent = serve("agent.sock");
    assert.equal(await find(), agent);
  });
});

Deno.test("LocalApi.find() says that no agent runs, and where it looked", async () => {
  await withDir(async ({ dir, find }) => {
    leaveDead(join(dir, "agent.sock"));
    await assert.rejects(find(), {
      message: new RegExp(`^No agent runs here: .*${dir}/agent.sock`),
    });
    await assert.rejects(find({ socket: "/nowhere/x.sock" }), {
      message: "No agent runs here: nothing answers on /nowhere/x.sock",
    });
  });
});

Deno.test("LocalApi.find() lists several runs, of which --socket or FARLET_SOCKET chooses one", async () => {
  await withDir(async ({ serve, find }) => {
    const [one, two] = [serve("run-1.sock"), serve("run-2.sock")];
    await assert.rejects(find(), {
      message:
        `Several agents run here; choose one with --socket: ${one}, ${two}`,
    });
    assert.equal(await find({ env: { FARLET_SOCKET: two } }), two);
    const env = { FARLET_SOCKET: two };
    assert.equal(await find({ socket: one, env }), one);
  });
});

Deno.test("LocalApi.fetch() sends method and query, and gives refusals kubectl's words", async () => {
  await withDir(async ({ serve }) => {
    using api = new LocalApi(serve("agent.sock"));
    const query = { command: ["a", "b c"], tty: true, none: undefined };
    const options = { method: "DELETE", query, signal };
    const response = await api.fetch("/x", options);
    assert.equal(
      await response.text(),
      "DELETE /x?command=a&command=b+c&tty=true",
    );
    await assert.rejects(api.fetch("/text", { signal }), {
      name: "ServerError",
      code: 404,
      message: 'Error from server (NotFound): pod "x" does not exist',
    });
    await assert.rejects(api.fetch("/status", { signal }), {
      message: "Error from server (Conflict): no",
    });
  });
});

Deno.test("LocalApi.upgrade() gives what follows the answer, and refusals kubectl's words", async () => {
  await withDir(async ({ dir }) => {
    const path = join(dir, "agent.sock");
    using listener = Deno.listen({ transport: "unix", path });
    using api = new LocalApi(path);
    const headers = { Upgrade: "websocket" };
    const answers = [
      "HTTP/1.1 101 Switching Protocols\r\nX: y\r\n\r\nhello",
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
    ];
    const serving = (async () => {
      for (const text of answers) {
        using conn = await listener.accept();
        const buffer = new Uint8Array(4096);
        const count = await conn.read(buffer) ?? 0;
        const head = new TextDecoder().decode(buffer.subarray(0, count));
        assert.match(
          head,
          /^GET \/exec\?a=1 HTTP\/1\.1\r\nHost: localhost\r\n/,
        );
        assert.match(head, /\r\nUpgrade: websocket\r\n/);
        await conn.write(new TextEncoder().encode(text));
      }
    })();
    const options = { query: { a: 1 }, headers, signal };
    const upgraded = await api.upgrade("/exec", options);
    assert.equal(upgraded.headers.get("x"), "y");
    const chunk = await upgraded.stream.read();
    assert.equal(new TextDecoder().decode(chunk), "hello");
    upgraded.stream.destroy();
    await assert.rejects(api.upgrade("/exec", options), {
      message: "Error from server (Forbidden): no",
    });
    await serving;
  });
});
