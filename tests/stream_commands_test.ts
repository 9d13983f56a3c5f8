import assert from "node:assert/strict";
import type { TestSession } from "../cli/test_session.ts";
import { writeConn } from "../async/byte_stream.ts";
import {
  connectLocally,
  echo,
  testPort,
} from "../kubelet/streaming/test_ports.ts";
import { fromSources } from "./farlet.ts";
import { runAgainst, startAgainst, startAgent } from "./local_agent.ts";

/** Serves every session with a fixed outcome. */
function exits(code: number): (session: TestSession) => Promise<void> {
  return (session) => session.finish(code);
}

Deno.test("farlet exec runs the command, keeps the outputs apart and exits as it does", async () => {
  await using agent = await startAgent({
    async session(session) {
      await session.send(1, "out\n");
      await session.send(2, "err\n");
      await session.finish(3);
    },
  });
  assert.deepEqual(
    await runAgainst(agent, ["exec", "pod/web", "--", "ls", "-la", "--", "-c"]),
    {
      code: 3,
      stdout: "out\n",
      stderr: "err\ncommand terminated with exit code 3\n",
    },
  );
  assert.equal(
    agent.requests[1],
    "/exec/default/web/app?command=ls&command=-la&command=--&command=-c&output=1&error=1",
  );
});

Deno.test("farlet exec -i sends standard input, and its end", async () => {
  await using agent = await startAgent({
    async session(session, { searchParams }) {
      assert.equal(searchParams.get("input"), "1");
      let input = "";
      for (;;) {
        const [channel, data] = await session.receive() ?? [255, ""];
        if (channel === 255) break;
        input += data;
      }
      await session.send(1, input.toUpperCase());
      await session.finish(0);
    },
  });
  const { code, stdout } = await runAgainst(
    agent,
    ["exec", "-i", "web", "--", "cat"],
    {
      stdin: "hello\n",
    },
  );
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "HELLO\n" });
});

Deno.test("farlet exec -i ends with the command, though input may come still", async () => {
  await using agent = await startAgent({ session: exits(0) });
  const [program, ...args] = fromSources;
  await using child = new Deno.Command(program, {
    args: [...args, "exec", "-i", "web", "--", "true"],
    env: { FARLET_SOCKET: agent.socket },
    stdin: "piped",
  }).spawn();
  assert.equal((await child.status).code, 0);
});

Deno.test("farlet exec -it without a terminal says so and goes on without", async () => {
  await using agent = await startAgent({ session: exits(0) });
  const args = ["exec", "-it", "web", "--", "true"];
  assert.deepEqual(await runAgainst(agent, args), {
    code: 0,
    stdout: "",
    stderr:
      "Unable to use a TTY - input is not a terminal or the right kind of file\n",
  });
  const quiet = await runAgainst(agent, [
    ...args.slice(0, 2),
    "-q",
    ...args.slice(2),
  ]);
  assert.equal(quiet.stderr, "");
});

Deno.test("farlet exec tells why a command could not be run, and exits 1", async () => {
  await using agent = await startAgent({
    session: (session) =>
      session.finish({
        status: "Failure",
        reason: "InternalError",
        message: 'no such program "nope"',
      }),
  });
  assert.deepEqual(await runAgainst(agent, ["exec", "web", "--", "nope"]), {
    code: 1,
    stdout: "",
    stderr: 'error: no such program "nope"\n',
  });
});

Deno.test("farlet exec refuses a pod that has ended, as kubectl does", async () => {
  await using agent = await startAgent({ session: exits(0) });
  assert.deepEqual(
    await runAgainst(agent, ["exec", "-n", "other", "done", "--", "ls"]),
    {
      code: 1,
      stdout: "",
      stderr:
        "error: cannot exec into a container in a completed pod; current phase is Succeeded\n",
    },
  );
});

Deno.test("farlet exec exits 130 on Ctrl-C, and lets go of the command", async () => {
  const gone = Promise.withResolvers<void>();
  await using agent = await startAgent({
    async session(session) {
      await session.send(1, "started\n");
      while (await session.receive() !== undefined);
      gone.resolve();
    },
  });
  await using farlet = startAgainst(agent, ["exec", "web", "--", "sleep"]);
  await farlet.printed("started");
  farlet.kill("SIGINT");
  assert.equal((await farlet.result).code, 130);
  await gone.promise;
});

Deno.test("farlet exec fails when the agent goes away", async () => {
  await using agent = await startAgent({
    async session(session) {
      await session.send(1, "started\n");
      await session.receive();
    },
  });
  await using farlet = startAgainst(agent, ["exec", "web", "--", "sleep"]);
  await farlet.printed("started");
  agent.kill();
  const { code, stderr } = await farlet.result;
  assert.deepEqual({ code, stderr }, {
    code: 1,
    stderr: "error: Lost the connection to the agent\n",
  });
});

Deno.test("farlet port-forward leads to the pod until Ctrl-C", async () => {
  await using echoing = testPort(echo);
  await using agent = await startAgent({ connect: connectLocally });
  const local = freePort();
  await using farlet = startAgainst(agent, [
    ...["port-forward", "pod/web", `${local}:${echoing.port}`],
  ]);
  const from = `Forwarding from 127.0.0.1:${local} -> ${echoing.port}\n`;
  await farlet.printed(from);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: local });
  const answer = new Response(conn.readable).text();
  await writeConn(conn, new TextEncoder().encode("hello"));
  await conn.closeWrite();
  assert.equal(await answer, "hello");
  farlet.kill("SIGINT");
  const { code, stdout, stderr } = await farlet.result;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const lines = stdout.split("\n").filter((line) => !line.includes("[::1]"));
  assert.deepEqual(lines, [
    from.trimEnd(),
    `Handling connection for ${local}`,
    "",
  ]);
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

Deno.test("farlet attach passes the streams on, and says how it is without a terminal", async () => {
  await using agent = await startAgent({
    async session(session) {
      await session.send(1, "out\n");
      await session.finish(0);
    },
  });
  const { code, stdout, stderr } = await runAgainst(agent, [
    "attach",
    "-t",
    "web",
  ]);
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "out\n" });
  assert.match(
    stderr,
    /^error: Unable to use a TTY - container app did not allocate one\n.*recorded in container logs.*\nIf you don't see a command prompt, try pressing enter\.\n$/,
  );
  assert.equal(
    agent.requests[1],
    "/attach/default/web/app?output=1&error=1",
  );
  assert.equal((await runAgainst(agent, ["attach", "-q", "web"])).stderr, "");
});

Deno.test("farlet port-forward fails when the agent goes away", async () => {
  await using agent = await startAgent({ connect: connectLocally });
  await using farlet = startAgainst(agent, ["port-forward", "web", ":80"]);
  await farlet.printed("Forwarding from");
  agent.kill();
  const { code, stderr } = await farlet.result;
  assert.equal(code, 1);
  assert.match(stderr, /^error: lost connection to pod/);
});
