import { join } from "node:path";
import assert from "node:assert/strict";
import { runGuest, RunningGuest } from "./run_guest.ts";

/** A directory `root` for a guest, beside things that it must not reach, and links to them. */
async function makeCage() {
  const dir = await Deno.makeTempDir();
  const root = `${dir}/root`;
  const outside = {
    "secret.txt": "OUTSIDE\n",
    "victim.txt": "victim\n",
  };
  await Deno.mkdir(`${root}/x`, { recursive: true });
  await Deno.mkdir(`${dir}/victim-dir`);
  await Deno.symlink("secret.txt", `${dir}/link`);
  for (const [name, content] of Object.entries(outside)) {
    await Deno.writeTextFile(`${dir}/${name}`, content);
  }
  await Deno.writeTextFile(`${root}/in.txt`, "input data\n");
  const links = {
    "evil-abs": `${dir}/secret.txt`,
    "evil-rel": "../secret.txt",
    "evil-dir": "..",
    "evil-w": "../created.txt",
    "chain1": "chain2",
    "chain2": "../secret.txt",
    "good": "in.txt",
    "loop": "loop",
    "proc-self": "/proc/self/root",
  };
  for (const [name, target] of Object.entries(links)) {
    await Deno.symlink(target, `${root}/${name}`);
  }
  await new Deno.Command("mkfifo", { args: [`${root}/pipe`] }).output();
  return {
    dir,
    root,
    preopens: [{ guestPath: "/", hostPath: root, readOnly: false }],
    async assertUntouched() {
      const names = await namesIn(dir);
      assert.deepEqual(names, [
        ...["link", "root", "secret.txt", "victim-dir", "victim.txt"],
      ]);
      for (const [name, content] of Object.entries(outside)) {
        assert.equal(await Deno.readTextFile(`${dir}/${name}`), content);
      }
      const { mtime } = await Deno.stat(`${dir}/secret.txt`);
      assert.ok(mtime && mtime.getTime() > Date.now() - 60_000);
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(dir, { recursive: true });
    },
  };
}

Deno.test("a guest opens nothing outside of its directory, and all inside", async () => {
  await using cage = await makeCage();
  const { code, stdout } = await runGuest("attacks", ["paths"], cage);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(lines.filter((line) => !line.startsWith("blocked ")), [
    "OPENED open x/../in.txt follow=0 read errno=0 input data",
    "OPENED open x/../in.txt follow=1 read errno=0 input data",
    "OPENED open good follow=1 read errno=0 input data",
    "OPENED open . follow=0 read errno=31 ",
    "OPENED open . follow=1 read errno=31 ",
    "OPENED open x/.. follow=0 read errno=31 ",
    "OPENED open x/.. follow=1 read errno=31 ",
    "OPENED open ./in.txt follow=0 read errno=0 input data",
    "OPENED open ./in.txt follow=1 read errno=0 input data",
    "done",
  ]);
  assert.ok(lines.length > 80);
  assert.equal(code, 0);
  await cage.assertUntouched();
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
  await using cage = await makeCage();
  const { dir, root } = cage;
  await Deno.mkdir(`${root}/swap`);
  await Deno.writeTextFile(`${root}/swap/secret.txt`, "INSIDE\n");
  await Deno.symlink(dir, `${root}/other`);
  await using guest = await RunningGuest.start("attacks", ["race"], cage);
  await guest.untilStdout("racing\n");
  swapForAWhile(`${root}/swap`, `${root}/other`);
  await Deno.writeTextFile(`${root}/stop`, "");
  const { stdout } = await guest.ended();
  const counts = /inside (\d+) outside (\d+) errors (\d+)/.exec(stdout);
  const [inside, outside, errors] = counts?.slice(1).map(Number) ?? [];
  assert.equal(outside, 0, stdout);
  // Or else nothing changed places while the guest looked.
  assert.ok(inside && inside > 50, stdout);
  assert.ok(errors && errors > 50, stdout);
});

async function namesIn(dir: string): Promise<readonly string[]> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  return entries.map(({ name }) => name).sort();
}

/** Exchanges two names as fast as can be, for a second. */
function swapForAWhile(one: string, other: string): void {
  const libc = Deno.dlopen("libc.so.6", {
    renameat2: {
      parameters: ["i32", "buffer", "i32", "buffer", "u32"],
      result: "i32",
    },
  });
  const [from, to] = [one, other].map((path) =>
    new TextEncoder().encode(`${path}\0`)
  );
  assert.ok(from && to);
  const exchange = 2;
  for (const end = Date.now() + 1000; Date.now() < end;) {
    assert.equal(libc.symbols.renameat2(-100, from, -100, to, exchange), 0);
  }
  libc.close();
}

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
