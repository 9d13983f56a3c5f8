import { join } from "node:path";
import assert from "node:assert/strict";
import { linesOf, makeCage, namesIn } from "./guest_cage.ts";
import { raceGuest } from "./guest_race.ts";
import { runGuest } from "./run_guest.ts";

Deno.test("a guest opens no FIFO, which could block it for ever", async () => {
  await using cage = await makeCage();
  const { stdout } = await runGuest("attacks", ["special"], cage);
  assert.deepEqual(linesOf(stdout), [
    "blocked open pipe follow=0 errno=2",
    "blocked open pipe follow=1 errno=2",
    "blocked open pipe/ follow=0 errno=2",
    "blocked open pipe/ follow=1 errno=2",
    "done",
  ]);
});

Deno.test("a guest changes nothing where its directory is read-only", async () => {
  await using cage = await makeCage();
  const [preopen] = cage.preopens;
  assert.ok(preopen);
  const preopens = [{ ...preopen, readOnly: true }];
  const before = await namesIn(cage.root);
  const { stdout } = await runGuest("attacks", ["paths"], { preopens });
  assert.match(stdout, /^OPENED open good follow=1 read errno=0 input data$/m);
  assert.match(stdout, /^blocked create through dangling link errno=69$/m);
  assert.match(stdout, /^blocked mkdir evil-dir\/made errno=69$/m);
  const after = await namesIn(cage.root);
  assert.deepEqual(after, before);
  await cage.assertUntouched();
});

Deno.test("a guest has no descriptors but its own, each for what it was opened for", async () => {
  await using cage = await makeCage();
  const { stdout } = await runGuest("attacks", ["descriptors"], cage);
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "blocked write to a file opened to read errno=8",
    "blocked truncate a file opened to read errno=28",
    "blocked write to a directory errno=8",
    "blocked accept on a file errno=57",
    "done",
  ]);
});

Deno.test("a guest that passes bad pointers gets error numbers, and goes on", async () => {
  await using cage = await makeCage();
  const { code, stdout } = await runGuest("attacks", ["pointers"], cage);
  const lines = stdout.trimEnd().split("\n");
  assert.ok(lines.length > 15);
  assert.deepEqual(lines.filter((line) => !line.startsWith("ok ")), ["done"]);
  assert.equal(code, 0);
});

Deno.test("a guest does with its files all that preview 1 knows", async () => {
  await using cage = await makeCage();
  const { code, stdout } = await runGuest("files", ["/"], cage);
  const lines = stdout.trimEnd().split("\n");
  assert.ok(lines.length > 45);
  assert.deepEqual(lines.filter((line) => !line.startsWith("ok ")), ["done"]);
  assert.equal(code, 0);
});

Deno.test("a guest stays inside while a directory and a link out change places", async () => {
  const { inside, escapes, errors } = await raceGuest(2000);
  assert.equal(escapes, 0);
  // Or else nothing changed places while the guest looked.
  assert.ok(inside > 50, `${inside}`);
  assert.ok(errors > 50, `${errors}`);
});

Deno.test("a guest is not given a subPath that was swapped for a link out of its volume", async () => {
  const dir = await Deno.makeTempDir({ prefix: "farlet-sub-path-" });
  const volume = join(dir, "volume");
  await Deno.mkdir(join(volume, "inside"), { recursive: true });
  await Deno.writeTextFile(join(volume, "inside", "note"), "mine");
  await Deno.mkdir(join(dir, "secret"));
  await Deno.writeTextFile(join(dir, "secret", "note"), "not yours");
  await Deno.symlink("../secret", join(volume, "relative"));
  await Deno.symlink(join(dir, "secret"), join(volume, "absolute"));
  const read = (subPath: string) => {
    const place = { guestPath: "/data", hostPath: volume, readOnly: false };
    const preopens = [{ ...place, subPath }];
    return runGuest("guest", ["cat", "/data/note"], { preopens });
  };
  assert.equal((await read("inside")).stdout, "mine");
  for (const subPath of ["relative", "absolute", ".."]) {
    const { stdout, report } = await read(subPath);
    assert.equal(stdout, "");
    assert.equal(report?.reason, "StartError");
  }
  await Deno.remove(dir, { recursive: true });
});
