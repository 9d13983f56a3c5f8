import assert from "node:assert/strict";
import { resolveConfined } from "./confined_path.ts";
import { errno, WasiError } from "./errno.ts";
import { findHostFiles } from "./find_host_files.ts";

/** A directory `root` with files and links, beside a file `secret`. */
function makeTree() {
  const dir = Deno.makeTempDirSync();
  Deno.mkdirSync(`${dir}/root/sub/deep`, { recursive: true });
  Deno.writeTextFileSync(`${dir}/secret`, "outside");
  Deno.writeTextFileSync(`${dir}/root/file`, "top");
  Deno.writeTextFileSync(`${dir}/root/sub/file`, "sub");
  const links = {
    "to-file": "sub/file",
    "to-dir": "sub",
    "to-link": "to-dir/../to-file",
    "to-slash": "sub/",
    "up-and-back": "sub/deep/../../file",
    "out": "../secret",
    "out-by-name": "../root/file",
    "absolute": `${dir}/root/file`,
    "loop": "loop",
    "dangling": "nothing",
    "sub/up": "../file",
    "sub/deep/far-up": "../../../secret",
  };
  for (const [name, target] of Object.entries(links)) {
    Deno.symlinkSync(target, `${dir}/root/${name}`);
  }
  const files = findHostFiles();
  const root = files.openDirectory(`${dir}/root`);
  return {
    dir,
    /** The contents of the file, or the error number. */
    read(path: string, follow = true): string | number {
      try {
        using place = resolveConfined(files, root, { path, follow });
        return Deno.readTextFileSync(place.path);
      } catch (error) {
        if (error instanceof WasiError) return error.errno;
        throw error;
      }
    },
    find: (path: string, follow = true) =>
      resolveConfined(files, root, { path, follow }),
    [Symbol.dispose]() {
      files.closeDirectory(root);
      Deno.removeSync(dir, { recursive: true });
    },
  };
}

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

const cases: readonly (readonly [string, string | number])[] = [
  ["file", "top"],
  ["./file", "top"],
  ["sub/file", "sub"],
  ["sub//./file", "sub"],
  ["sub/../file", "top"],
  ["sub/deep/../../file", "top"],
  ["to-file", "sub"],
  ["to-dir/file", "sub"],
  ["to-link", "sub"],
  ["to-slash/file", "sub"],
  ["up-and-back", "top"],
  ["sub/up", "top"],
  ["to-dir/up", "top"],
  ["", errno.noent],
  ["/file", errno.perm],
  ["..", errno.perm],
  ["../secret", errno.perm],
  ["../root/file", errno.perm],
  ["sub/../../secret", errno.perm],
  ["sub/deep/../../../secret", errno.perm],
  ["out", errno.perm],
  ["out-by-name", errno.perm],
  ["absolute", errno.perm],
  ["sub/deep/far-up", errno.perm],
  ["loop", errno.loop],
  ["loop/x", errno.loop],
  ["file/x", errno.notdir],
  ["file/..", errno.notdir],
  ["x".repeat(5000), errno.nametoolong],
];
for (const [path, expected] of cases) {
  Deno.test(`resolveConfined() reads "${path.slice(0, 30)}" as ${expected}`, () => {
    using tree = makeTree();
    assert.equal(tree.read(path), expected);
  });
}

Deno.test("resolveConfined() names a last link itself unless told to follow", () => {
  using tree = makeTree();
  using link = tree.find("to-file", false);
  assert.ok(Deno.lstatSync(link.path).isSymlink);
  using file = tree.find("to-file");
  assert.ok(Deno.lstatSync(file.path).isFile);
});

Deno.test("resolveConfined() finds a place for what is not there yet", () => {
  using tree = makeTree();
  using place = tree.find("sub/new");
  Deno.writeTextFileSync(place.path, "new");
  assert.equal(Deno.readTextFileSync(`${tree.dir}/root/sub/new`), "new");
});

Deno.test("resolveConfined() says what the path must be", () => {
  using tree = makeTree();
  const paths = {
    "file": [false, false],
    "file/": [false, true],
    "new/": [false, true],
    "sub/.": [false, true],
    "to-slash": [false, true],
    ".": [true, true],
    "sub/..": [true, true],
  };
  for (const [path, expected] of Object.entries(paths)) {
    using place = tree.find(path);
    const { isDot, mustBeDirectory } = place;
    assert.deepEqual([isDot, mustBeDirectory], expected, path);
  }
});

Deno.test("resolveConfined() stays in a directory that is moved while it is held", () => {
  using tree = makeTree();
  using place = tree.find("sub/deep/x");
  Deno.renameSync(`${tree.dir}/root/sub`, `${tree.dir}/root/moved`);
  Deno.symlinkSync("..", `${tree.dir}/root/sub`);
  Deno.writeTextFileSync(place.path, "held");
  assert.equal(Deno.readTextFileSync(`${tree.dir}/root/moved/deep/x`), "held");
});

Deno.test("resolveConfined() closes all it opened, also when it fails", () => {
  using tree = makeTree();
  const before = openDescriptors();
  {
    using _place = tree.find("sub/deep/../deep/x");
    assert.equal(openDescriptors(), before + 2);
  }
  tree.read("sub/deep/../../../secret");
  tree.read("sub/../".repeat(500) + "file");
  assert.equal(openDescriptors(), before);
});
