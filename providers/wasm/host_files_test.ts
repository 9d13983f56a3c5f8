import assert from "node:assert/strict";
import { errno, errnoOf } from "./errno.ts";
import {
  directoryPath,
  type HostFiles,
  type OpenOptions,
} from "./host_files.ts";
import { LibcFiles } from "./libc_files.ts";
import { NodeFiles, nodeHasRealDescriptors } from "./node_files.ts";

const toRead: OpenOptions = {
  read: true,
  write: false,
  append: false,
  create: false,
  exclusive: false,
  truncate: false,
};
const toWrite: OpenOptions = { ...toRead, read: false, write: true };

const bytes = (text: string) => new TextEncoder().encode(text);

/** A test for both ways to open files. Up to Deno 2.6, the one by `node:fs` does not work. */
function testBoth(
  claim: string,
  test: (files: HostFiles, dir: string) => void,
): void {
  const withDirectory = (files: HostFiles) => {
    const dir = Deno.makeTempDirSync();
    Deno.writeTextFileSync(`${dir}/file`, "content");
    Deno.symlinkSync("file", `${dir}/link`);
    Deno.mkdirSync(`${dir}/sub`);
    Deno.symlinkSync("sub", `${dir}/sub-link`);
    try {
      test(files, dir);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  };
  Deno.test(`LibcFiles ${claim}`, () => {
    using files = new LibcFiles();
    withDirectory(files);
  });
  Deno.test({
    name: `NodeFiles ${claim}`,
    ignore: !nodeHasRealDescriptors(),
    fn: () => withDirectory(new NodeFiles()),
  });
}

function assertFails(call: () => unknown, expected: number): void {
  assert.throws(call, (error) => errnoOf(error) === expected);
}

testBoth("reads at positions", (files, dir) => {
  const file = files.openFile(`${dir}/file`, toRead);
  const into = new Uint8Array(4);
  assert.equal(file.read(into, 3), 4);
  assert.deepEqual(into, bytes("tent"));
  assert.equal(file.read(into, 5), 2);
  assert.equal(file.read(into, 7), 0);
  assertFails(() => file.write(into, 0), errno.badf);
  file.close();
});

testBoth("writes at positions, truncates and tells the size", (files, dir) => {
  const file = files.openFile(`${dir}/file`, toWrite);
  assert.equal(file.write(bytes("XY"), 2), 2);
  assert.equal(file.write(bytes("end"), 9), 3);
  assert.equal(file.stat().size, 12n);
  file.sync();
  file.syncData();
  assert.equal(Deno.readTextFileSync(`${dir}/file`), "coXYent\0\0end");
  file.truncate(4);
  file.setTimes(1000, 2000.5);
  assert.equal(file.stat().modifiedNanos, 2_000_500_000_000n);
  assert.equal(file.stat().accessedNanos, 1_000_000_000_000n);
  assert.equal(file.stat().type, 4);
  file.close();
  assert.equal(Deno.readTextFileSync(`${dir}/file`), "coXY");
});

testBoth("appends wherever it is told to write", (files, dir) => {
  const file = files.openFile(`${dir}/file`, { ...toWrite, append: true });
  file.write(bytes("+1"), 0);
  file.write(bytes("+2"), 0);
  file.close();
  assert.equal(Deno.readTextFileSync(`${dir}/file`), "content+1+2");
});

testBoth("creates, truncates and insists on a new file", (files, dir) => {
  const create = { ...toWrite, create: true };
  files.openFile(`${dir}/new`, create).close();
  assert.equal(Deno.readTextFileSync(`${dir}/new`), "");
  assertFails(
    () => files.openFile(`${dir}/new`, { ...create, exclusive: true }),
    errno.exist,
  );
  files.openFile(`${dir}/file`, { ...toRead, truncate: true }).close();
  assert.equal(Deno.readTextFileSync(`${dir}/file`), "");
  assertFails(() => files.openFile(`${dir}/absent`, toRead), errno.noent);
});

testBoth("opens neither links nor what is no regular file", (files, dir) => {
  assertFails(() => files.openFile(`${dir}/link`, toRead), errno.loop);
  assertFails(() => files.openFile("/dev/zero", toRead), errno.acces);
  assertFails(() => files.openFile(`${dir}/sub`, toWrite), errno.isdir);
  assertFails(() => files.openDirectory(`${dir}/sub-link`), errno.notdir);
  assertFails(() => files.openDirectory(`${dir}/file`), errno.notdir);
});

testBoth("holds a directory that is moved", (files, dir) => {
  const sub = files.openDirectory(`${dir}/sub`);
  Deno.renameSync(`${dir}/sub`, `${dir}/moved`);
  const path = `${directoryPath(sub)}/x`;
  files.openFile(path, { ...toWrite, create: true }).close();
  files.closeDirectory(sub);
  assert.ok(Deno.statSync(`${dir}/moved/x`).isFile);
});

testBoth("waits for nobody at a FIFO", (files, dir) => {
  const path = `${dir}/pipe`;
  new Deno.Command("mkfifo", { args: [path] }).outputSync();
  assertFails(() => files.openFile(path, toRead), errno.acces);
});
