import assert from "node:assert/strict";
import { join } from "node:path";
import { tarBytes, type TarEntry } from "../../ssh/tar.ts";
import { readTar } from "./tar_reader.ts";
import { unpackBudget, unpackLayer } from "./unpack_layer.ts";

const { signal } = new AbortController();

function file(path: string, text = path): TarEntry {
  const content = new TextEncoder().encode(text);
  return { kind: "file", path, mode: 0o4777, content };
}

function link(path: string, target: string): TarEntry {
  return { kind: "symlink", path, target, mode: 0o777 };
}

function directory(path: string): TarEntry {
  return { kind: "directory", path, mode: 0o700 };
}

/** One member whose header is changed afterwards, and signed again. */
function changed(
  entry: TarEntry,
  change: (header: Uint8Array) => void,
): Uint8Array<ArrayBuffer> {
  const archive = tarBytes([entry]);
  const header = archive.subarray(0, 512);
  change(header);
  header.fill(32, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(
    new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `),
    148,
  );
  return archive;
}

function ofType(type: string, entry: TarEntry): Uint8Array<ArrayBuffer> {
  return changed(entry, (header) => header[156] = type.charCodeAt(0));
}

/** In pieces, as a network has them. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 700) {
    yield await Promise.resolve(bytes.subarray(at, at + 700));
  }
}

async function unpack(
  layers: readonly Uint8Array[],
  check: (root: string, dir: string) => Promise<void>,
  budget = unpackBudget(),
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const root = join(dir, "root");
    await Deno.mkdir(root);
    await Deno.writeTextFile(join(dir, "secret"), "secret");
    for (const layer of layers) {
      await unpackLayer(readTar(pieces(layer)), root, { budget, signal });
    }
    await check(root, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function refused(
  layers: readonly Uint8Array[],
  why: RegExp,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const root = join(dir, "root");
    await Deno.mkdir(root);
    await Deno.writeTextFile(join(dir, "secret"), "secret");
    const budget = unpackBudget();
    await assert.rejects(async () => {
      for (const layer of layers) {
        await unpackLayer(readTar(pieces(layer)), root, { budget, signal });
      }
    }, (error: Error) => error instanceof TypeError && why.test(error.message));
    assert.equal(await Deno.readTextFile(join(dir, "secret")), "secret");
    const beside = await Array.fromAsync(Deno.readDir(dir));
    assert.deepEqual(beside.map(({ name }) => name).toSorted(), [
      "root",
      "secret",
    ]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("unpackLayer() makes files, directories and links", async () => {
  const long = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(90)}`;
  const layer = tarBytes([
    directory("./a/"),
    file("./a/b", "b"),
    file("/absolute", "inside"),
    file(long),
    link("a/up", "/absolute"),
    link("a/out", "../../../secret"),
  ]);
  const hard = changed({ ...link("hard", "a/b") }, (header) => {
    header[156] = "1".charCodeAt(0);
  });
  await unpack([layer, hard], async (root) => {
    const read = (path: string) => Deno.readTextFile(join(root, path));
    assert.equal(await read("a/b"), "b");
    assert.equal(await read("absolute"), "inside");
    assert.equal(await read("a/up"), "inside");
    assert.equal(await read("hard"), "b");
    assert.equal(await read(long), long);
    const { mode } = await Deno.lstat(join(root, "a/b"));
    assert.equal((mode ?? 0) & 0o7000, 0, "no set-user-ID");
  });
});

Deno.test({
  name: "unpackLayer() lets guests of any user read, whatever the umask is",
  ignore: Deno.build.os === "windows",
  async fn() {
    const umask = Deno.umask(0o077);
    try {
      await unpack([tarBytes([file("a/b", "b")])], async (root) => {
        for (const [path, wanted] of [["a", 0o755], ["a/b", 0o755]] as const) {
          const { mode } = await Deno.lstat(join(root, path));
          assert.equal((mode ?? 0) & 0o777, wanted, path);
        }
      });
    } finally {
      Deno.umask(umask);
    }
  },
});

Deno.test("unpackLayer() lays a layer over others", async () => {
  const below = tarBytes([
    file("a/x"),
    file("a/y"),
    file("b/x"),
    file("c", "old"),
    link("d", "c"),
  ]);
  const above = tarBytes([
    file("a/.wh.x", ""),
    file("b/new"),
    file("b/.wh..wh..opq", ""),
    file("c", "new"),
    file("d", "own"),
    file("a/.wh...", ""),
  ]);
  await unpack([below, above], async (root) => {
    const names = async (path: string) =>
      (await Array.fromAsync(Deno.readDir(join(root, path))))
        .map(({ name }) => name).toSorted();
    assert.deepEqual(await names("."), ["a", "b", "c", "d"]);
    assert.deepEqual(await names("a"), ["y"]);
    assert.deepEqual(await names("b"), ["new"]);
    assert.equal(await Deno.readTextFile(join(root, "c")), "new");
    assert.equal(await Deno.readTextFile(join(root, "d")), "own");
  });
});

Deno.test("unpackLayer() leaves out devices and pipes", async () => {
  const layers = ["3", "4", "6"].map((type) => ofType(type, directory("dev")));
  await unpack(layers, async (root) => {
    assert.deepEqual(await Array.fromAsync(Deno.readDir(root)), []);
  });
});

const hostile: readonly (readonly [
  string,
  readonly Uint8Array[],
  RegExp,
])[] = [
  ["a path with ..", [tarBytes([file("../secret", "x")])], /lies outside/],
  ["a path with .. within", [tarBytes([file("a/../../secret")])], /outside/],
  [
    "a file beneath a link",
    [tarBytes([link("a", ".."), file("a/secret", "x")])],
    /beneath what is no directory/,
  ],
  [
    "a file beneath a link of a layer below",
    [tarBytes([link("a", "/")]), tarBytes([file("a/b")])],
    /beneath what is no directory/,
  ],
  [
    "a whiteout beneath a link",
    [tarBytes([link("a", ".."), file("a/.wh.secret", "")])],
    /beneath what is no directory/,
  ],
  [
    "an opaque whiteout of a link",
    [tarBytes([link("a", ".."), file("a/.wh..wh..opq", "")])],
    /beneath what is no directory/,
  ],
  [
    "a hard link out of it",
    [changed(link("a", "../secret"), (h) => h[156] = 49)],
    /outside/,
  ],
  [
    "a hard link through a link",
    [
      tarBytes([link("a", "..")]),
      changed(link("b", "a/secret"), (h) => h[156] = 49),
    ],
    /beneath what is no directory/,
  ],
  [
    "a hard link to a link",
    [
      tarBytes([link("a", "../secret")]),
      changed(link("b", "a"), (h) => h[156] = 49),
    ],
    /a link to what is no file/,
  ],
  [
    "a size that is none",
    [changed(file("a"), (h) => h.set([0x78], 124))],
    /a size that is no number/,
  ],
  [
    "a size beyond all numbers",
    [changed(file("a"), (h) => h.set([0x80, ...Array(11).fill(255)], 124))],
    /a size that is no number/,
  ],
  [
    "a size beyond what is allowed",
    [changed(file("a"), (h) => h.set([0x80, 0, 0, 0, 0, 0, 1], 124))],
    /too many or too large/,
  ],
  [
    "a size beyond the archive",
    [changed(
      file("a"),
      (h) => h.set(new TextEncoder().encode("00000100000"), 124),
    )],
    /it has no end/,
  ],
  [
    "a name without end",
    [changed(file("a"), (h) => {
      h[156] = "L".charCodeAt(0);
      h.set(new TextEncoder().encode("77777777777"), 124);
    })],
    /a name without end/,
  ],
  [
    "what is no archive",
    [new TextEncoder().encode("x".repeat(2000))],
    /a header that is none/,
  ],
];
for (const [claim, layers, why] of hostile) {
  Deno.test(`unpackLayer() refuses ${claim}`, () => refused(layers, why));
}

Deno.test("unpackLayer() takes no more files than allowed", async () => {
  await assert.rejects(
    unpack(
      [tarBytes([directory("a"), directory("b"), directory("c")])],
      () => Promise.resolve(),
      { bytes: 10, members: 2 },
    ),
    /too many or too large/,
  );
});

Deno.test("unpackLayer() removes neither the image itself nor a layer's own files by whiteouts", async () => {
  const lower = tarBytes([file("d/sub/old"), file("d/other"), file("keep")]);
  const upper = tarBytes([
    ...[file(".wh."), file(".wh.."), file("d/sub/new")],
    file("d/.wh..wh..opq"),
  ]);
  await unpack([lower, upper], async (root) => {
    const names = async (path: string) => {
      const found = await Array.fromAsync(Deno.readDir(join(root, path)));
      return found.map(({ name }) => name).toSorted();
    };
    assert.deepEqual(await names("."), ["d", "keep"]);
    assert.deepEqual(await names("d"), ["sub"]);
    assert.deepEqual(await names("d/sub"), ["new"]);
  });
});

Deno.test("unpackLayer() charges the directories that it makes for a file", async () => {
  const layer = tarBytes([file("a/b/c/d")]);
  const budget = { ...unpackBudget(), members: 3 };
  await assert.rejects(
    unpack([layer], () => Promise.resolve(), budget),
    /too many or too large/,
  );
  await refused([tarBytes([file(`${"d/".repeat(128)}f`)])], /too deep/);
});

Deno.test("readTar() refuses names without end", async () => {
  const name = ofType("L", file("x", "name"));
  // Without the two empty blocks at its end.
  const record = [...name.subarray(0, 1024)];
  const many = Array.from({ length: 9 }, () => record).flat();
  await refused(
    [new Uint8Array([...many, ...tarBytes([file("f")])])],
    /names without end/,
  );
});
