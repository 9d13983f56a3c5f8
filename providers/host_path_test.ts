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
    const wrong = "hostPath type check failed: ";
    const isFile = ", it's a File";
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
      [
        join(dir, "absent"),
        "Directory",
        `hostPath type check failed, ${dir}/absent is not a directory, unable to determine its type: path "${dir}/absent" does not exist`,
      ],
      [
        file,
        "DirectoryOrCreate",
        `${wrong}${file} is not a directory${isFile}`,
      ],
      [dir, "File", `${wrong}${dir} is not a file, it's a Directory`],
      [dir, "FileOrCreate", `${wrong}${dir} is not a file, it's a Directory`],
      [socket, "File", `${wrong}${socket} is not a file, it's a Socket`],
      [join(dir, "no/parent"), "FileOrCreate", "cannot make file"],
      [file, "Socket", `${wrong}${file} is not a socket file${isFile}`],
      [
        file,
        "CharDevice",
        `${wrong}${file} is not a character device${isFile}`,
      ],
      [file, "BlockDevice", `${wrong}${file} is not a block device${isFile}`],
      [file, "Sock", "Sock is an invalid volume type"],
    ];
    for (const [path, type, problem] of rows) {
      if (problem === undefined) await checkHostPath({ path, type });
      else {
        await assert.rejects(checkHostPath({ path, type }), (error: Error) => {
          return error.message.startsWith(problem);
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
