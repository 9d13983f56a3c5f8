import assert from "node:assert/strict";
import { ImageAccessFile } from "./image_access.ts";
import { forEachKind } from "./test_pod_files.ts";

forEachKind(
  "lay out where ImageAccessFile keeps a text for its user only, also for the next agent",
  async ({ host, files }) => {
    const { signal } = new AbortController();
    const parts = { host, layout: files.layout.bind(files) };
    const file = new ImageAccessFile(parts);
    assert.equal(await file.read({ signal }), "");
    await file.write("one\n", { signal });
    const text = `${"é$'\"\\".repeat(10_000)}\n`;
    await file.write(text, { signal });
    assert.equal(await new ImageAccessFile(parts).read({ signal }), text);
    const { directory } = await files.layout({ signal });
    const path = `${directory}/image-access.json`;
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    const left = [];
    for await (const { name } of Deno.readDir(directory)) left.push(name);
    assert.deepEqual(left.filter((name) => name.startsWith("image-access")), [
      "image-access.json",
    ]);
  },
);
