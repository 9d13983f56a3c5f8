import assert from "node:assert/strict";
import { imageGarbage, type ImageUse, podGarbage } from "./garbage.ts";
import type { ContainerRecord } from "./container_record.ts";
import { at, exited, run, sandbox } from "./test_records.ts";

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

const now = at("12:00:00");
const GB = 1e9;

function image(id: string, more: Partial<ImageUse> = {}): ImageUse {
  return {
    id,
    sizeBytes: GB,
    firstSeen: at("10:00:00"),
    lastUsed: at("10:00:00"),
    inUse: false,
    ...more,
  };
}

function removed(images: readonly ImageUse[], usedPercent: number) {
  const capacityBytes = 100 * GB;
  const availableBytes = capacityBytes * (100 - usedPercent) / 100;
  return imageGarbage(images, { capacityBytes, availableBytes }, now)
    .map(({ id }) => id);
}

const unused = ["d", "b", "a", "c", "e", "f", "g"].map((id) =>
  image(id, { lastUsed: at(`10:0${id.charCodeAt(0) - 96}:00`) })
);

Deno.test("imageGarbage() takes nothing below the high threshold", () => {
  assert.deepEqual(removed(unused, 84), []);
});

Deno.test("imageGarbage() goes below the low threshold, the longest unused first", () => {
  assert.deepEqual(removed(unused, 86), ["a", "b", "c", "d", "e", "f"]);
});

Deno.test("imageGarbage() never takes an image in use, or one seen just now", () => {
  const images = [
    image("used", { inUse: true }),
    image("new", { firstSeen: at("11:59:00") }),
    image("old"),
  ];
  assert.deepEqual(removed(images, 99), ["old"]);
});

Deno.test("imageGarbage() takes nothing where the disk is not known", () => {
  const unknown = { capacityBytes: 0, availableBytes: 0 };
  assert.deepEqual(imageGarbage(unused, unknown, now), []);
});
