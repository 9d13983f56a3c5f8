import assert from "node:assert/strict";
import { podGarbage } from "./garbage.ts";
import type { ContainerRecord } from "./container_record.ts";
import { exited, run, sandbox } from "./test_records.ts";

const pods: readonly [
  claim: string,
  records: readonly ContainerRecord[],
  want: readonly string[],
][] = [
  ["keeps a pod that runs", [sandbox(), run()], []],
  [
    "keeps the run before the newest",
    [
      sandbox(),
      run({ attempt: 2 }),
      run({ attempt: 1, state: exited(1) }),
      run({ attempt: 0, state: exited(1) }),
    ],
    ["web-0"],
  ],
  [
    "never takes what runs",
    [
      sandbox(),
      run({ attempt: 2 }),
      run({ attempt: 1 }),
      run({ attempt: 0 }),
    ],
    [],
  ],
  [
    "takes each container for itself",
    [
      sandbox(),
      run({ container: "a" }),
      run({ container: "b", attempt: 1 }),
      run({ container: "c", attempt: 2 }),
    ],
    [],
  ],
  [
    "keeps the only sandbox, though it is dead",
    [sandbox({ state: exited(137) })],
    [],
  ],
  [
    "keeps a sandbox that was replaced while runs of it are kept",
    [
      sandbox({ state: exited(137) }),
      sandbox({ attempt: 1 }),
      run({ attempt: 0, state: exited(137) }),
      run({ attempt: 1, sandbox: "sandbox-1" }),
    ],
    [],
  ],
  [
    "takes a sandbox that was replaced with the last of its runs",
    [
      sandbox({ state: exited(137) }),
      sandbox({ attempt: 1 }),
      run({ attempt: 0, state: exited(137) }),
      run({ attempt: 1, sandbox: "sandbox-1", state: exited(1) }),
      run({ attempt: 2, sandbox: "sandbox-1" }),
    ],
    ["web-0", "sandbox-0"],
  ],
];

for (const [claim, records, want] of pods) {
  Deno.test(`podGarbage() ${claim}`, () => {
    assert.deepEqual(podGarbage(records).map(({ id }) => id), want);
  });
}
