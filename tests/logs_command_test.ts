import assert from "node:assert/strict";
import { fromSources } from "./farlet.ts";
import { runAgainst, startAgainst, startAgent } from "./local_agent.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function text(...chunks: readonly string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks.map(bytes));
}

Deno.test("farlet logs prints the log as it is, and asks for what the flags say", async () => {
  await using agent = await startAgent({ log: () => text("one\n", "tw", "o") });
  assert.deepEqual(
    await runAgainst(agent, [
      "logs",
      "pod/web",
      "--tail=5",
      "--since",
      "1h",
      "--timestamps",
      "-p",
    ]),
    { code: 0, stdout: "one\ntwo", stderr: "" },
  );
  assert.deepEqual(agent.requests, [
    "/pods",
    "/containerLogs/default/web/app?previous=true&timestamps=true&tailLines=5&sinceSeconds=3600",
  ]);
});

Deno.test("farlet logs tells which container it took by default", async () => {
  await using agent = await startAgent({ log: (name) => text(`${name}\n`) });
  assert.deepEqual(await runAgainst(agent, ["logs", "pair"]), {
    code: 0,
    stdout: "a\n",
    stderr: 'Defaulted container "a" out of: a, b, setup (init)\n',
  });
  assert.equal(
    (await runAgainst(agent, ["logs", "pair", "-c", "b"])).stdout,
    "b\n",
  );
  assert.equal((await runAgainst(agent, ["logs", "pair", "b"])).stdout, "b\n");
});

Deno.test("farlet logs --all-containers --prefix prints one after the other", async () => {
  await using agent = await startAgent({
    log: (name) => text(`1 ${name}\n2`, ` ${name}\n`),
  });
  const { stdout } = await runAgainst(agent, [
    "logs",
    "pair",
    "--all-containers",
    "--prefix",
  ]);
  assert.deepEqual(stdout.split("\n"), [
    "[pod/pair/setup] 1 setup",
    "[pod/pair/setup] 2 setup",
    "[pod/pair/a] 1 a",
    "[pod/pair/a] 2 a",
    "[pod/pair/b] 1 b",
    "[pod/pair/b] 2 b",
    "",
  ]);
});

Deno.test("farlet logs -f --all-containers follows them at once, and never splits a line", async () => {
  const bEnds = Promise.withResolvers<void>();
  await using agent = await startAgent({
    log: (name) =>
      ReadableStream.from((async function* () {
        yield bytes(`${name} be`);
        // "a" goes on only when "b" has ended, and "setup" ends at once.
        if (name === "a") await bEnds.promise;
        yield bytes(`gins\n${name} ends\n`);
        if (name === "b") bEnds.resolve();
      })()),
  });
  const { code, stdout } = await runAgainst(agent, [
    "logs",
    "pair",
    "-f",
    "--all-containers",
  ]);
  assert.equal(code, 0);
  assert.deepEqual(stdout.trimEnd().split("\n").toSorted(), [
    "a begins",
    "a ends",
    "b begins",
    "b ends",
    "setup begins",
    "setup ends",
  ]);
});

Deno.test("farlet logs tells why there is no log, and exits 1", async () => {
  const why = 'container "app" in pod "web" is waiting to start: ErrImagePull';
  await using agent = await startAgent({ log: () => why });
  const { code, stderr } = await runAgainst(agent, ["logs", "web"]);
  assert.equal(code, 1);
  assert.equal(
    stderr.replace("error: ", ""),
    `Error from server (BadRequest): ${why}\n`,
  );
  const absent = await runAgainst(agent, ["logs", "nope"]);
  assert.equal(absent.code, 1);
  assert.match(
    absent.stderr,
    /Error from server \(NotFound\): pods "nope" not found\n$/,
  );
});

Deno.test("farlet logs -f exits 130 on Ctrl-C", async () => {
  await using agent = await startAgent({ log: endless });
  await using farlet = startAgainst(agent, ["logs", "-f", "web"]);
  await farlet.printed("line\n");
  farlet.kill("SIGINT");
  const { code, stderr } = await farlet.result;
  assert.deepEqual({ code, stderr }, { code: 130, stderr: "" });
});

Deno.test("farlet logs -f fails when the agent goes away", async () => {
  await using agent = await startAgent({ log: endless });
  await using farlet = startAgainst(agent, ["logs", "-f", "web"]);
  await farlet.printed("line\n");
  agent.kill();
  const { code, stderr } = await farlet.result;
  assert.equal(code, 1);
  assert.match(stderr, /^error: Lost the connection to the agent/);
});

Deno.test("farlet logs ends quietly when nobody reads on", async () => {
  await using agent = await startAgent({
    log: () =>
      ReadableStream.from((function* () {
        for (;;) yield bytes("line\n".repeat(1000));
      })()),
  });
  const shell = new Deno.Command("sh", {
    args: ["-c", '"$@" 2>&1 | head -n 2', "sh", ...fromSources, "logs", "web"],
    env: { FARLET_SOCKET: agent.socket },
    stdout: "piped",
  });
  const { stdout } = await shell.output();
  assert.equal(new TextDecoder().decode(stdout), "line\nline\n");
});

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(bytes("line\n")),
  });
}
