import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { TestPki } from "../../kubelet/test_pki.ts";
import { type Figure, round } from "./figures.ts";

const lineBytes = 100;
const textBytes = 2 ** 30;

/** A follower of a log of 1 GiB, with lines of 100 bytes, straight from the kubelet API. */
export async function benchLogs(): Promise<readonly Figure[]> {
  // In memory, so that no disk is measured.
  const dir = await Deno.makeTempDir({ dir: "/dev/shm" });
  await using scope = new AsyncDisposableStack();
  scope.defer(() => Deno.remove(dir, { recursive: true }));
  const log = join(dir, "0.log");
  const lines = await writeLog(log);
  const pki = scope.use(await TestPki.create());
  const serving = await pki.issue({ usage: "serverAuth" });
  const alice = await pki.issue();
  const ca = join(dir, "ca.crt");
  await Deno.writeTextFile(ca, pki.ca);
  const server = new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "-A",
        "--v8-flags=--max-semi-space-size=2", // as farlet
        fileURLToPath(new URL("log_server.ts", import.meta.url)),
      ],
      ...["--log", log, "--state", dir, "--ca", ca],
      ...["--certificate", serving.certificateFile],
      ...["--key", serving.keyFile],
    ],
    stdout: "piped",
  }).spawn();
  scope.defer(async () => {
    server.kill("SIGTERM");
    await server.status;
  });
  const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const port = Number((await reader.read()).value);
  await reader.cancel();
  const rest = await memory(server.pid, "VmRSS");
  const url = `https://127.0.0.1:${port}/containerLogs/default/web/app`;
  const speeds: number[] = [];
  for (let run = 0; run < 3; run++) {
    const { stdout } = await new Deno.Command("curl", {
      args: [
        ...["-sSk", "--cert", alice.certificateFile],
        ...["--key", alice.keyFile, "-o", "/dev/null"],
        ...["-w", "%{speed_download} %{size_download}", `${url}?follow=true`],
      ],
    }).output();
    const [speed, size] = new TextDecoder().decode(stdout).split(" ");
    assert.equal(Number(size), lines * lineBytes);
    speeds.push(Number(speed) / 1e6);
  }
  const peak = await memory(server.pid, "VmHWM");
  return [
    {
      what: "a follower of a 1 GiB log, lines of 100 bytes, best of 3",
      measured: `${Math.round(Math.max(...speeds))} MB/s (${
        speeds.map(Math.round).join(", ")
      })`,
      wanted: "at least 200 MB/s",
    },
    {
      what: "memory of the server above rest, at most, meanwhile",
      measured: `${round(peak - rest)} MB (rest ${round(rest)} MB)`,
      wanted: "under 50 MB",
    },
  ];
}

/** Writes a log in the CRI format and gives the number of its lines. */
async function writeLog(path: string): Promise<number> {
  const record = `2026-01-31T12:00:00.123000000Z stdout F ${
    "x".repeat(lineBytes - 1)
  }\n`;
  const block = new TextEncoder().encode(record.repeat(10_000));
  const blocks = Math.ceil(textBytes / lineBytes / 10_000);
  using file = await Deno.open(path, { write: true, create: true });
  const writer = file.writable.getWriter();
  for (let i = 0; i < blocks; i++) await writer.write(block);
  return blocks * 10_000;
}

/** In megabytes. */
async function memory(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status) ??
    [];
  return Number(kib) * 1024 / 1e6;
}
