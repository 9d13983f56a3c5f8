import assert from "node:assert/strict";
import { containerRecord, type RecordState } from "./container_record.ts";
import { at, inspected, run, sandbox } from "./test_records.ts";

const never = "0001-01-01T00:00:00Z";
const now = at("12:00:00");

const states: readonly [
  claim: string,
  state: Parameters<typeof inspected>[0],
  want: RecordState,
][] = [
  [
    "a running container",
    {
      Status: "running",
      Running: true,
      StartedAt: "2026-11-23T10:00:01.25Z",
      FinishedAt: never,
    },
    { kind: "running", startedAt: at("10:00:01.25") },
  ],
  [
    "a paused one as running",
    {
      Status: "paused",
      Running: false,
      StartedAt: "2026-11-23T10:00:01Z",
      FinishedAt: never,
    },
    { kind: "running", startedAt: at("10:00:01") },
  ],
  [
    "the exit of one that ended",
    {
      Status: "exited",
      ExitCode: 137,
      OOMKilled: true,
      Error: "",
      StartedAt: "2026-11-23T10:00:01Z",
      FinishedAt: "2026-11-23T10:00:02.039101444Z",
    },
    {
      kind: "exited",
      code: 137,
      oomKilled: true,
      error: "",
      startedAt: at("10:00:01"),
      finishedAt: at("10:00:02.039"),
    },
  ],
  [
    "one that was never started",
    { Status: "created", ExitCode: 0, StartedAt: never, FinishedAt: never },
    { kind: "created", error: "" },
  ],
  [
    "why Docker could not start one",
    {
      Status: "created",
      ExitCode: 127,
      Error: "exec: no such file",
      StartedAt: never,
      FinishedAt: never,
    },
    { kind: "created", error: "exec: no such file" },
  ],
  [
    "one that a reboot took from Podman as lost",
    {
      Status: "created",
      ExitCode: 0,
      StartedAt: "2026-11-23T10:00:01Z",
      FinishedAt: never,
    },
    { kind: "lost", startedAt: at("10:00:01"), foundAt: now },
  ],
  [
    "one that a reboot took in its second life as lost",
    {
      Status: "created",
      StartedAt: "2026-11-23T10:00:01Z",
      FinishedAt: "2026-11-23T09:00:00Z",
    },
    { kind: "lost", startedAt: at("10:00:01"), foundAt: now },
  ],
  [
    "the exit that Podman still has of one that it calls created since a reboot",
    {
      Status: "created",
      ExitCode: 4,
      StartedAt: "2026-11-23T10:00:01Z",
      FinishedAt: "2026-11-23T10:00:02Z",
    },
    {
      kind: "exited",
      code: 4,
      oomKilled: false,
      error: "",
      startedAt: at("10:00:01"),
      finishedAt: at("10:00:02"),
    },
  ],
  [
    "the exit of one so short that Podman has it end before it started",
    {
      Status: "stopped",
      ExitCode: 0,
      StartedAt: "2026-11-23T10:00:01.294Z",
      FinishedAt: "2026-11-23T10:00:01.292Z",
    },
    {
      kind: "exited",
      code: 0,
      oomKilled: false,
      error: "",
      startedAt: at("10:00:01.294"),
      finishedAt: at("10:00:01.294"),
    },
  ],
];

for (const [claim, state, want] of states) {
  Deno.test(`containerRecord() knows ${claim}`, () => {
    assert.deepEqual(containerRecord(inspected(state), now)?.state, want);
  });
}

Deno.test("containerRecord() leaves containers of others alone", () => {
  const state = { Status: "running", Running: true };
  const stranger = inspected(state, { Config: { Labels: { app: "db" } } });
  assert.equal(containerRecord(stranger, now), undefined);
  const unlabelled = inspected(state, { Config: { Labels: null } });
  assert.equal(containerRecord(unlabelled, now), undefined);
});

Deno.test("containerRecord() finds all of a run's identity in its labels", () => {
  const wanted = run({ attempt: 3, container: "side-car" });
  const got = containerRecord(
    inspected({ Running: true }, {}, wanted),
    now,
  );
  const { pod, node, kind, container, attempt, image, imageId, sandbox } =
    wanted;
  assert.deepEqual(
    { ...got },
    {
      ...got,
      ...{ pod, node, kind, container, attempt, image, imageId, sandbox },
    },
  );
});

Deno.test("containerRecord() has the addresses of a sandbox, version 4 first, each once", () => {
  const got = containerRecord(
    inspected({ Running: true }, {
      NetworkSettings: {
        IPAddress: "10.88.0.2",
        GlobalIPv6Address: "",
        Networks: {
          podman: { GlobalIPv6Address: "fd00::2", IPAddress: "10.88.0.2" },
          other: null,
        },
      },
    }, sandbox()),
    now,
  );
  assert.deepEqual(got?.ips, ["10.88.0.2", "fd00::2"]);
});
