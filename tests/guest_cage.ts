import assert from "node:assert/strict";

/** A directory `root` for a guest, beside things that it must not reach, and links to them. */
export async function makeCage() {
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

/** What is in a directory, sorted. */
export async function namesIn(dir: string): Promise<readonly string[]> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  return entries.map(({ name }) => name).sort();
}

/** The lines of what a guest wrote. */
export function linesOf(output: string): readonly string[] {
  return output.trimEnd().split("\n");
}
