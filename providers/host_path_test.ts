import assert from "node:assert/strict";
import { join } from "node:path";
import { checkHostPath } from "./host_path.ts";

Deno.test("checkHostPath() checks and makes what each type asks for", async () => {
  const dir = await Deno.makeTempDir();
  const socket = join(dir, "socket");
  using _listener = Deno.listen({ transport: "unix", path: socket });
  try {
    const file = join(dir, "file");
    await Deno.writeTextFile(file, "kept");
    const rows: [path: string, type: string, problem?: string][] = [
      [join(dir, "made/deep"), ""],
      [join(dir, "made/too"), "DirectoryOrCreate"],
      [dir, "Directory"],
      [file, ""],
      [file, "File"],
      [file, "FileOrCreate"],
      [join(dir, "new"), "FileOrCreate"],
      [socket, "Socket"],
      ["/dev/null", "CharDevice"],
      [join(dir, "absent"), "Directory", `${dir}/absent is not a directory`],
      [file, "DirectoryOrCreate", `${file} is not a directory`],
      [dir, "File", `${dir} is not a file`],
      [dir, "FileOrCreate", `${dir} is not a file`],
      [join(dir, "no/parent"), "FileOrCreate", "cannot make file"],
      [file, "Socket", `${file} is not a socket file`],
      [file, "CharDevice", `${file} is not a character device`],
      [file, "BlockDevice", `${file} is not a block device`],
      [file, "Sock", "Sock is an invalid volume type"],
    ];
    for (const [path, type, problem] of rows) {
      if (problem === undefined) await checkHostPath({ path, type });
      else {
        await assert.rejects(checkHostPath({ path, type }), (error: Error) => {
          const start = `hostPath type check failed: ${problem}`;
          return error.message.startsWith(start);
        });
      }
    }
    assert.equal(await Deno.readTextFile(file), "kept");
    assert.ok((await Deno.stat(join(dir, "made/deep"))).isDirectory);
    assert.ok((await Deno.stat(join(dir, "new"))).isFile);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
