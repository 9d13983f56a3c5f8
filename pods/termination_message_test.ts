import assert from "node:assert/strict";
import type { ObservedPod } from "../providers/runtime.ts";
import { desiredPod } from "./pod_spec.ts";
import { withLogMessages, withShortMessages } from "./termination_message.ts";

const at = new Date("2026-01-01T00:00:00Z");
const { signal } = new AbortController();

/** The message of a container whose log is `log`. */
async function message(
  log: string,
  { code = 1, own, policy = "FallbackToLogsOnError" }: {
    readonly code?: number;
    readonly own?: string;
    readonly policy?: string;
  } = {},
) {
  const desired = desiredPod({
    metadata: { uid: "u", name: "web" },
    spec: { containers: [{ name: "app", terminationMessagePolicy: policy }] },
  });
  const exit = {
    code,
    reason: "Error",
    startedAt: at,
    finishedAt: at,
    ...(own === undefined ? {} : { message: own }),
  } as const;
  const observed: ObservedPod = {
    uid: "u",
    sandbox: "ready",
    ips: [],
    containers: [{
      name: "app",
      attempt: 0,
      id: "1",
      image: "",
      imageId: "",
      state: { kind: "terminated", exit },
    }],
  };
  const asked: (number | undefined)[] = [];
  const { containers: [container] } = await withLogMessages(observed, {
    desired,
    runtime: {
      readLogs: (_ref, { tailLines }) => {
        asked.push(tailLines);
        return new Blob([log]).stream();
      },
    },
    messages: new Map(),
    signal,
  });
  const said = container?.state.kind === "terminated"
    ? container.state.exit.message
    : undefined;
  return { said, asked };
}

Deno.test("withLogMessages() takes the last 80 lines of a failed container, 2048 bytes at most", async () => {
  assert.deepEqual(await message("no\n"), { said: "no\n", asked: [80] });
  const { said = "" } = await message("é".repeat(1024) + "y");
  // Half of a letter is not shown.
  assert.equal(said, "é".repeat(1023) + "y");
  assert.equal(new TextEncoder().encode(said).length, 2047);
});

Deno.test("withLogMessages() looks at no log where there is a message, a success or another policy", async () => {
  const none = { said: undefined, asked: [] };
  assert.deepEqual(await message("no", { code: 0 }), none);
  assert.deepEqual(await message("no", { policy: "File" }), none);
  assert.deepEqual(await message("no", { own: "mine" }), {
    said: "mine",
    asked: [],
  });
});

Deno.test("withShortMessages() shares 12 KiB among all containers of a pod", () => {
  const containers = ["a", "b"].map((name) => ({ name }));
  const desired = desiredPod({
    metadata: { uid: "u", name: "web" },
    spec: { containers, initContainers: [{ name: "i" }] },
  });
  const terminated = (text: string) => ({
    terminated: { exitCode: 1, message: text },
  });
  const status = (text: string) => {
    const base = {
      image: "",
      imageID: "",
      ready: false,
      restartCount: 0,
    };
    return {
      initContainerStatuses: [{
        ...base,
        name: "i",
        state: terminated(text),
        lastState: {},
      }],
      containerStatuses: [{
        ...base,
        name: "a",
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: terminated(text),
      }],
    };
  };
  const cut = withShortMessages(status("x" + "é".repeat(3000)), desired);
  const want = "x" + "é".repeat(2047);
  assert.deepEqual(cut, status(want));
  const short = status("x".repeat(4096));
  assert.deepEqual(withShortMessages(short, desired), short);
});
