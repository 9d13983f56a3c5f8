import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import {
  agnhostImage,
  busyboxImage,
  sshHostsMissing,
  startHost,
} from "../../tests/ssh_hosts.ts";
import type { ProcessStreams } from "../runtime.ts";
import { readFileLog } from "./file_log.ts";
import { SshBench } from "./test_bench.ts";

const missing = sshHostsMissing();
const ref = { podUid: "uid-1", container: "web" };
/** Until somebody ends it. */
const idle = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

/** A test with a pod on a host of its own. */
function withPod(claim: string, fn: (bench: SshBench) => Promise<void>) {
  Deno.test({
    ...needing(missing, claim),
    async fn() {
      await using machine = await startHost({ images: true });
      await using bench = await SshBench.open(machine);
      await bench.createSandbox();
      await fn(bench);
    },
  });
}

/** Gathers what is written to it. */
function sink() {
  const decoder = new TextDecoder();
  let text = "";
  const writable = new WritableStream<Uint8Array>({
    write(chunk) {
      text += decoder.decode(chunk, { stream: true });
    },
  });
  return { writable, text: () => text };
}

async function exec(
  { runtime, options }: SshBench,
  script: string,
  streams: ProcessStreams = {},
) {
  const stdout = sink();
  const stderr = sink();
  const code = await runtime.exec(ref, ["sh", "-c", script], {
    stdout: stdout.writable,
    ...(streams.tty ? {} : { stderr: stderr.writable }),
    ...streams,
    ...options,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

async function throughPort(
  { runtime, options }: SshBench,
  port: number,
  text: string,
): Promise<string> {
  const { readable, writable } = await runtime
    .portForward("uid-1", port, options);
  const [answer] = await Promise.all([
    new Response(readable).text(),
    new Blob([text]).stream().pipeTo(writable),
  ]);
  return answer;
}

function numbers(count: number): string {
  return Array.from({ length: count }, (_, i) => `${i + 1}\n`).join("");
}

withPod(
  "execInContainer connects a command and tells its end",
  async (bench) => {
    await bench.start(idle);
    assert.deepEqual(
      await exec(bench, "echo out; echo bad >&2; exit 3"),
      { code: 3, stdout: "out\n", stderr: "bad\n" },
    );
    assert.equal((await exec(bench, "kill -9 $$")).code, 137);
    const stdin = new Blob([numbers(100_000)]).stream();
    const copied = await exec(bench, "cat; echo over >&2", { stdin });
    assert.ok(copied.stdout === numbers(100_000));
    assert.equal(copied.stderr, "over\n");
    const resize = ReadableStream.from([{ columns: 111, rows: 33 }]);
    const terminal = await exec(
      bench,
      "until [ \"$(stty size 2>/dev/null)\" = '33 111' ]; do sleep 0.1; done; test -t 0 && echo tty",
      { tty: true, stdin: new ReadableStream(), resize },
    );
    assert.deepEqual(terminal, { code: 0, stdout: "tty\r\n", stderr: "" });
    await assert.rejects(
      bench.runtime.exec(ref, ["nosuch"], bench.options),
      /not there or cannot be executed/,
    );
  },
);

withPod(
  "execInContainer kills a command that nobody wants any more",
  async (bench) => {
    await bench.start(idle);
    const stop = new AbortController();
    const stdout = new WritableStream({
      write() {
        stop.abort();
        return new Promise<void>(() => {});
      },
    });
    await assert.rejects(
      bench.runtime.exec(ref, ["sh", "-c", "sleep 7777 & yes"], {
        stdout,
        signal: stop.signal,
      }),
      { name: "AbortError" },
    );
    const left = "ps | grep -c -e '[s]leep 7777' -e '[y]es'";
    assert.equal((await exec(bench, left)).stdout, "0\n");
  },
);

withPod(
  "execInContainer ends with its container, and runs nothing after it",
  async (bench) => {
    await bench.start(idle);
    const started = Promise.withResolvers<void>();
    const stdout = new WritableStream({ write: () => started.resolve() });
    const command = exec(bench, "echo here; sleep 600", { stdout });
    await started.promise;
    await bench.stop(0);
    assert.equal((await command).code, 137);
    await assert.rejects(exec(bench, "echo never"), Deno.errors.NotFound);
  },
);

withPod(
  "attachToContainer gives a container its input and reads it to its end",
  async (bench) => {
    await bench.start("cat; echo bad >&2; sleep 0.2; exit 4", {
      stdin: true,
      stdinOnce: true,
    });
    const [stdout, stderr] = [sink(), sink()];
    await bench.runtime.attach(ref, {
      stdin: new Blob(["hello\n"]).stream(),
      stdout: stdout.writable,
      stderr: stderr.writable,
      ...bench.options,
    });
    assert.equal(stdout.text(), "hello\n");
    assert.equal(stderr.text(), "bad\n");
    assert.equal((await bench.exit()).code, 4);
    await assert.rejects(
      bench.runtime.attach(ref, bench.options),
      Deno.errors.NotFound,
    );
  },
);

withPod(
  "ContainerLogs gives the part of a log that is asked for, byte by byte",
  async (bench) => {
    await bench.start(`
    echo one; printf tw; sleep 0.3; echo o; echo bad >&2
    head -c 50000 /dev/zero | tr '\\0' x; echo; sleep 1.2
    echo late; printf tail`);
    await bench.exit();
    const long = "x".repeat(50_000);
    const all = `one\ntwo\nbad\n${long}\nlate\ntail`;
    assert.ok(await bench.logs() === all);
    assert.ok(await bench.logs({ follow: true }) === all);
    assert.ok(await bench.logs({ tailLines: 3 }) === `${long}\nlate\ntail`);
    assert.equal(await bench.logs({ tailLines: 1 }), "tail");
    assert.equal(await bench.logs({ tailLines: 0 }), "");
    assert.ok(await bench.logs({ tailLines: 99 }) === all);
    assert.equal(await bench.logs({ stream: "stderr" }), "bad\n");
    assert.equal(await bench.logs({ stream: "stderr", tailLines: 5 }), "bad\n");
    assert.equal(await bench.logs({ limitBytes: 6 }), "one\ntw");
    const times = await bench.logs({ timestamps: true, stream: "stderr" });
    assert.match(
      times,
      /^\d{4}-\d\d-\d\dT[\d:]+\.\d{9}(Z|[+-]\d\d:\d\d) bad\n$/,
    );
    const since = new Date(Date.parse(times.split(" ")[0] ?? "") + 1_000);
    assert.equal(await bench.logs({ since }), "late\ntail");
  },
);

withPod(
  "ContainerLogs follows a log to its end, for many at once",
  async (bench) => {
    await bench.start(`i=0
    while [ $i -lt 30 ]; do
      i=$((i + 1)); seq 1 1000 | sed "s/^/$i-/"; sleep 0.05
    done; echo end`);
    const text = await bench.logs({ follow: true });
    assert.equal(text.split("\n").length, 30_002);
    assert.equal(new Set(text.split("\n")).size, 30_002);
    await bench.exit();
    await bench.start("sleep 1; echo begun; sleep 1; echo end", { attempt: 1 });
    const followers = Array.from(
      { length: 12 },
      () => bench.logs({ follow: true }),
    );
    for (const each of await Promise.all(followers)) {
      assert.equal(each, "begun\nend\n");
    }
  },
);

withPod("readFileLog follows a file over its rotations", async (bench) => {
  const script = `for i in $(seq 1 60); do
    seq 1 2000 | sed "s/^/$i-/"; sleep 0.05; done`;
  const line = await bench.machine.exec(
    "sh",
    "-c",
    `
    podman run -d --name rotated --log-opt max-size=1m --log-driver k8s-file \
      ${busyboxImage} sh -c '${script}' >/dev/null
    podman inspect rotated \
      --format "{{.HostConfig.LogConfig.Path}} {{.State.Pid}}"`,
  );
  const [path = "", pid] = line.trim().split(" ");
  const decoder = new TextDecoder();
  let text = "";
  const options = { follow: true, previous: false, timestamps: false };
  const place = { path, pid: Number(pid) };
  for await (
    const chunk of readFileLog(bench.host, place, {
      ...options,
      ...bench.options,
    })
  ) {
    assert.ok(typeof chunk !== "string");
    text += decoder.decode(chunk, { stream: true });
  }
  const rounds = Array.from({ length: 60 }, (_, i) => i + 1);
  const all = rounds.map((i) => numbers(2_000).replace(/^(?=\d)/gm, `${i}-`));
  assert.ok(text === all.join(""));
});

withPod(
  "connectToPod reaches servers on the pod's address and on its 127.0.0.1",
  async (bench) => {
    await bench.start("nc -ll -p 4000 -e cat");
    const image = await bench.engine.inspectImage(agnhostImage, bench.options);
    await bench.start("", {
      name: "local",
      image: agnhostImage,
      imageId: image?.Id ?? "",
      command: ["/agnhost", "port-forward-tester"],
      env: {
        BIND_ADDRESS: "127.0.0.1",
        BIND_PORT: "4001",
        EXPECTED_CLIENT_DATA: "abc",
        CHUNKS: "10",
        CHUNK_SIZE: "20000",
        CHUNK_INTERVAL: "1",
      },
    });
    const listens = (port: number) => `netstat -ltn | grep -q :${port}`;
    const ready = `${listens(4000)} && ${listens(4001)}`;
    await exec(bench, `until ${ready}; do sleep 0.1; done`);
    const [text, chunks] = [numbers(50_000), "x".repeat(200_000)];
    assert.ok(await throughPort(bench, 4000, text) === text);
    assert.ok(await throughPort(bench, 4001, "abc") === chunks);
    await assert.rejects(
      bench.runtime.portForward("uid-1", 4002, bench.options),
      Deno.errors.ConnectionRefused,
    );
    await assert.rejects(
      bench.runtime.portForward("uid-2", 4000, bench.options),
      Deno.errors.NotFound,
    );
  },
);

withPod("connectToPod drops a connection when aborted", async (bench) => {
  await bench.start("nc -ll -p 4000 -e cat");
  await exec(bench, "until netstat -ltn | grep -q :4000; do sleep 0.1; done");
  const stop = new AbortController();
  const { readable, writable } = await bench.runtime
    .portForward("uid-1", 4000, stop);
  const writer = writable.getWriter();
  const [text] = await Promise.all([
    new Response(readable).text().catch((error) => error.name),
    writer.write(new TextEncoder().encode("hi\n")).then(() => stop.abort()),
  ]);
  assert.equal(text, "AbortError");
  await assert.rejects(writer.closed, { name: "AbortError" });
  await exec(bench, "while pgrep -x cat; do sleep 0.1; done");
});

withPod("ContainerUsage measures what runs", async (bench) => {
  const volume = { kind: "emptyDir", name: "data", medium: "" } as const;
  await bench.runtime.setVolume("uid-1", volume, bench.options);
  const mounts = [{ volume: "data", mountPath: "/data", readOnly: false }];
  await bench.start(
    `head -c 300000 /dev/zero >/data/file; head -c 300000 /dev/zero >/file
    i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; echo spun; ${idle}`,
    { mounts },
  );
  await exec(
    bench,
    "until [ -s /data/file ] && [ -s /file ]; do sleep 0.1; done",
  );
  await bench.start("exit 0", { name: "over" });
  await bench.exit("over");
  const { containers, networks } = await bench.runtime.stats(bench.options);
  assert.equal(containers.length, 1);
  const [sample] = containers;
  assert.equal(sample?.container, "web");
  assert.ok((sample?.cpuNanos ?? 0) > 1_000_000);
  assert.ok((sample?.memoryBytes ?? 0) > 0);
  assert.ok((sample?.logBytes ?? -1) >= 0);
  assert.deepEqual(networks?.map(({ podUid }) => podUid), ["uid-1"]);
  assert.ok((networks?.[0]?.interfaces[0]?.rxBytes ?? -1) >= 0);
  // Directories take longer.
  for (;;) {
    const { containers, volumes } = await bench.runtime.stats(bench.options);
    const used = volumes?.find(({ volume }) => volume === "data")?.usedBytes;
    const written = containers[0]?.rootfsBytes;
    if (used === undefined || written === undefined) continue;
    assert.ok(used >= 300_000 && written >= 300_000);
    break;
  }
});
