import assert from "node:assert/strict";
import type { PullProgress } from "../../runtime.ts";
import type { EngineApi } from "./engine_api.ts";
import { parseImageName } from "../../image_name.ts";
import { pullOnce } from "./transfer.ts";

Deno.test("pullOnce keeps no more layers than an image can have", async () => {
  const lines = Array.from({ length: 5_000 }, (_, i) => ({
    id: `layer-${i}`,
    status: "Downloading",
    progressDetail: { current: 1, total: 2 },
  }));
  const api = {
    stream: () =>
      Promise.resolve(
        ReadableStream.from(lines.map((line) => `${JSON.stringify(line)}\n`))
          .pipeThrough(new TextEncoderStream()),
      ),
  } as unknown as EngineApi;
  const told: PullProgress[] = [];
  await pullOnce(api, {
    image: parseImageName("busybox"),
    onProgress: (progress) => told.push(progress),
  }, new AbortController());
  assert.ok((told.at(-1)?.doneBytes ?? 0) <= 1_001);
});
