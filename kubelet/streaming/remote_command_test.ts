import assert from "node:assert/strict";
import type { Status } from "../../k8s/types.ts";
import type { ContainerAccess } from "../../providers/runtime.ts";
import { type CommandRequest, runRemoteCommand } from "./remote_command.ts";

const wanted = { stdin: false, stdout: true, stderr: false, tty: false };
const ref = { podUid: "u1", container: "app" };
const command = ["ls", "-l"];
const exec: CommandRequest = { kind: "exec", ref, command, wanted };
const attach: CommandRequest = { kind: "attach", ref, wanted };
const { signal } = new AbortController();

async function outcome(
  backend: ContainerAccess,
  request: CommandRequest,
): Promise<Status | undefined> {
  let told: Status | undefined;
  await runRemoteCommand(backend, request, {
    tty: false,
    signal,
    finish: (outcome) => {
      told = outcome;
      return Promise.resolve();
    },
  });
  return told;
}

Deno.test("runRemoteCommand() hands on the container, the command and the streams", async () => {
  const calls: unknown[] = [];
  const backend: ContainerAccess = {
    exec: (...args) => {
      calls.push(args);
      return Promise.resolve(0);
    },
    attach: (...args) => {
      calls.push(args);
      return Promise.resolve();
    },
  };
  const success = { metadata: {}, status: "Success" };
  assert.deepEqual(await outcome(backend, exec), success);
  assert.deepEqual(await outcome(backend, attach), success);
  const streams = { tty: false, signal };
  assert.deepEqual(calls, [[ref, command, streams], [ref, streams]]);
});

for (const code of [1, 7, 137, 255]) {
  Deno.test(`runRemoteCommand() tells exit code ${code}`, async () => {
    const backend = { exec: () => Promise.resolve(code) };
    assert.deepEqual(await outcome(backend, exec), {
      metadata: {},
      status: "Failure",
      message:
        `command terminated with non-zero exit code: exit status ${code}`,
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: `${code}` }] },
    });
  });
}

for (
  const [request, what] of [
    [exec, "error executing command in container"],
    [attach, "error attaching to container"],
  ] as const
) {
  Deno.test(`runRemoteCommand() tells why ${request.kind} failed`, async () => {
    const fail = () =>
      Promise.reject(new Deno.errors.NotFound("container app does not run"));
    assert.deepEqual(await outcome({ exec: fail, attach: fail }, request), {
      metadata: {},
      status: "Failure",
      message: `Internal error occurred: ${what}: container app does not run`,
      reason: "InternalError",
      code: 500,
    });
  });
}

Deno.test("runRemoteCommand() survives a provider that throws at once", async () => {
  const backend = {
    exec(): Promise<number> {
      throw new Error("oops");
    },
  };
  assert.match((await outcome(backend, exec))?.message ?? "", /oops/);
});
