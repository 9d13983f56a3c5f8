import assert from "node:assert/strict";
import type { ExitDetails } from "./observe.ts";
import { observePod } from "./observe.ts";
import type { ContainerRecord } from "./container_record.ts";
import { at, exited, run, sandbox } from "./test_records.ts";

function observe(
  records: readonly ContainerRecord[],
  details: Readonly<Record<string, ExitDetails>> = {},
) {
  return observePod("uid-1", records, new Map(Object.entries(details)));
}

Deno.test("observePod() finds nothing of an unknown pod", () => {
  assert.deepEqual(observe([]), {
    uid: "uid-1",
    sandbox: "absent",
    ips: [],
    containers: [],
  });
});

Deno.test("observePod() has the addresses of a running sandbox only", () => {
  assert.deepEqual(observe([sandbox()]).ips, ["10.88.0.2"]);
  const stopped = observe([sandbox({ state: exited(0) })]);
  assert.deepEqual([stopped.sandbox, stopped.ips], ["stopped", []]);
});

Deno.test("observePod() goes by the newest sandbox", () => {
  const replaced = [
    sandbox({ attempt: 1 }),
    sandbox({ state: exited(137) }),
  ];
  assert.equal(observe(replaced).sandbox, "ready");
});

Deno.test("observePod() shows the newest run and how the one before ended", () => {
  const { containers } = observe([
    run({ attempt: 2 }),
    run({ attempt: 0, state: exited(9) }),
    run({ attempt: 1, state: exited(3) }),
  ]);
  assert.equal(containers.length, 1);
  const [web] = containers;
  assert.equal(web?.attempt, 2);
  assert.equal(web.state.kind, "running");
  assert.deepEqual([web.lastExit?.code, web.lastExit?.id], [3, "web-1"]);
});

Deno.test("observePod() does not count a run that is still being made", () => {
  const created = run({ attempt: 1, state: { kind: "created", error: "" } });
  const { containers } = observe([run({ state: exited(1) }), created]);
  assert.deepEqual(containers.map(({ attempt }) => attempt), [0]);
});

Deno.test("observePod() says why a run could not be started, from the engine or the agent", () => {
  for (
    const [record, details] of [
      [run({ state: { kind: "created", error: "no such file" } }), {}],
      [run({ state: { kind: "created", error: "" } }), {
        "web-0": { message: "no such file" },
      }],
    ] as const
  ) {
    assert.deepEqual(observe([record], details).containers[0]?.state, {
      kind: "terminated",
      exit: {
        code: 128,
        reason: "StartError",
        message: "no such file",
        startedAt: at("10:00:00"),
        finishedAt: at("10:00:00"),
      },
    });
  }
});

Deno.test("observePod() does not know how a run ended that the host took down", () => {
  const state = {
    kind: "lost",
    startedAt: at("10:00:01"),
    foundAt: at("11:00:00"),
  } as const;
  const [web] = observe([run({ state })]).containers;
  assert.deepEqual(web?.state, {
    kind: "terminated",
    exit: {
      code: 137,
      reason: "ContainerStatusUnknown",
      message: "The host went down while the container ran",
      startedAt: at("10:00:01"),
      finishedAt: at("11:00:00"),
    },
  });
});

const exits: readonly [
  claim: string,
  state: ContainerRecord["state"],
  details: ExitDetails,
  want: { readonly reason: string; readonly message?: string },
][] = [
  ["completed", exited(0), {}, { reason: "Completed" }],
  ["failed", exited(1), {}, { reason: "Error" }],
  [
    "failed with last words",
    exited(1),
    { message: "out of luck" },
    { reason: "Error", message: "out of luck" },
  ],
  [
    "was killed for want of memory",
    exited(137, { oomKilled: true }),
    {},
    { reason: "OOMKilled" },
  ],
  [
    "was killed so and Podman did not notice",
    exited(137),
    { oomKilled: true },
    { reason: "OOMKilled" },
  ],
];

for (const [claim, state, details, want] of exits) {
  Deno.test(`observePod() tells of a run that ${claim}`, () => {
    const [web] = observe([run({ state })], { "web-0": details }).containers;
    assert.equal(web?.state.kind, "terminated");
    const { reason, message } = web.state.exit;
    assert.deepEqual({ reason, message }, { message: undefined, ...want });
  });
}
