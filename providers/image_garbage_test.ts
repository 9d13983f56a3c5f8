import assert from "node:assert/strict";
import { imageGarbage, type ImageUse } from "./image_garbage.ts";

function at(time: string): Date {
  return new Date(`2026-01-01T${time}Z`);
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
