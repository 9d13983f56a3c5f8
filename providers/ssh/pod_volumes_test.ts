import assert from "node:assert/strict";
import {
  file,
  filesVolume,
  forEachKind,
  isRoot,
  modeOf,
  mountOf,
  namesIn,
  podFiles,
  source,
  uid,
} from "./test_pod_files.ts";

const { signal } = new AbortController();

forEachKind("writes files behind links that are swapped", async (stage) => {
  const { host, files, pod } = stage;
  const long = "k".repeat(200);
  await files.setVolume(
    uid,
    filesVolume([
      file("a", "one"),
      file("d/e/f", "deep", 0o600),
      file(".hidden", "h"),
      file("-dash", "d"),
      file(long, "long"),
    ]),
    { signal },
  );
  const volume = await source(stage, "config");
  const read = (path: string) => host.root('cat "$1"', `${volume}/${path}`);
  assert.equal(volume, `${pod}/volumes/config`);
  assert.equal(await read("a"), "one");
  assert.equal(await read("d/e/f"), "deep");
  assert.equal(await read(long), "long");
  const before = await Deno.readLink(`${volume}/..data`);
  assert.match(before, /^\.\.\d{4}(_\d\d){5}\.\w+$/);

  await files.setVolume(uid, filesVolume([file("a", "two"), file("g", "")]), {
    signal,
  });
  assert.equal(await read("a"), "two");
  const names = await namesIn(volume);
  const after = await Deno.readLink(`${volume}/..data`);
  assert.notEqual(after, before);
  assert.deepEqual(names, ["..data", after, "a", "g"].sort());
});

forEachKind("writes nothing when nothing changed", async (stage) => {
  const { host, files, pod } = stage;
  const link = async () => await Deno.readLink(`${pod}/volumes/config/..data`);
  await files.setVolume(uid, filesVolume([file("a", "one")]), { signal });
  const before = await link();
  const runs = host.runs;
  await files.setVolume(uid, filesVolume([file("a", "one")]), { signal });
  assert.equal(host.runs, runs);
  // The next agent, and the next connection, ask the host.
  await podFiles(host).setVolume(uid, filesVolume([file("a", "one")]), {
    signal,
  });
  host.reconnect();
  await files.setVolume(uid, filesVolume([file("a", "one")]), { signal });
  assert.equal(await link(), before);
  await files.setVolume(uid, filesVolume([file("a", "one", 0o600)]), {
    signal,
  });
  assert.notEqual(await link(), before);
});

forEachKind("repairs what an agent left that died", async (stage) => {
  const { host, files, pod } = stage;
  const volume = filesVolume([file("a", "one")]);
  await files.setVolume(uid, volume, { signal });
  await host.root(
    `cd "$1"; rm "$2/meta/config" a; mkdir ..2001_01_01_00_00_00.x a
     ln -s nowhere ..data_tmp; touch stale; rm ..data; ln -s ..gone ..data`,
    `${pod}/volumes/config`,
    pod,
  );
  await podFiles(host).setVolume(uid, volume, { signal });
  const root = `${pod}/volumes/config`;
  assert.equal(await host.root('cat "$1/a"', root), "one");
  const names = await namesIn(root);
  const data = await Deno.readLink(`${root}/..data`);
  assert.deepEqual(names, ["..data", data, "a"].sort());
});

forEachKind("takes no content that was cut off", async (stage) => {
  const { host, files, pod } = stage;
  const run = host.run.bind(host);
  await files.setVolume(uid, filesVolume([file("a", "one")]), { signal });
  host.run = (script, args, options) =>
    run(script, args, {
      ...options,
      // As it looks when the connection breaks after the first file.
      ...(options.stdin instanceof Uint8Array
        ? { stdin: options.stdin.subarray(0, 1024) }
        : {}),
    });
  await assert.rejects(
    files.setVolume(uid, filesVolume([file("a", "two"), file("b", "2")]), {
      signal,
    }),
    { name: "RuntimeError", reason: "ContainerCreating" },
  );
  assert.equal(await host.root('cat "$1"/*', `${pod}/volumes/config`), "one");
});

forEachKind("gives files their modes and owners", async (stage, { user }) => {
  const { files, pod } = stage;
  await files.setVolume(
    uid,
    filesVolume([
      { ...file("token", "t", 0o600), uid: 1000 },
      file("all", "a", 0o666),
      file("d/own", "o", 0o400),
    ]),
    { signal },
  );
  const data = `${pod}/volumes/config/..data/`;
  const owner = user === 0 ? "0:0" : `${user}:${user}`;
  assert.equal(await modeOf(`${pod}/volumes/config`), `777 ${owner}`);
  assert.equal(await modeOf(`${data}all`), `666 ${owner}`);
  assert.equal(await modeOf(`${data}d`), `755 ${owner}`);
  assert.equal(await modeOf(`${data}d/own`), `400 ${owner}`);
  // Where the user cannot give it away, everybody in the pod may read it.
  const token = user === 0 ? "600 1000:0" : `606 ${owner}`;
  assert.equal(await modeOf(`${data}token`), token);
});

forEachKind("lets an fsGroup read files", async ({ files, pod }, { user }) => {
  const volume = filesVolume([file("d/key", "k", 0o400)], { fsGroup: 3000 });
  await files.setVolume(uid, volume, { signal });
  const root = `${pod}/volumes/config`;
  assert.deepEqual(
    await Promise.all([root, `${root}/..data/d`, `${root}/d/key`].map(modeOf)),
    user === 0
      ? ["2777 0:3000", "2755 0:3000", "440 0:3000"]
      : ["777", "755", "444"].map((mode) => `${mode} ${user}:${user}`),
  );
});

forEachKind("keeps secrets in memory", async (stage, { user }) => {
  const { host, files, pod } = stage;
  const secret = filesVolume([file("key", "s3cret")], { secret: true });
  await files.setVolume(uid, secret, { signal });
  const place = await source(stage, "config");
  assert.equal(place, `${pod}/secrets/config`);
  assert.equal(await host.root('cat "$1/key"', place), "s3cret");
  const type = await host.root('stat -f -c %T "$1"', place);
  assert.equal(type.trim() === "tmpfs", user === 0);
  await host.root('if grep -r s3cret "$1/meta"; then exit 1; fi', pod);
  assert.equal(await modeOf(`${pod}`), `700 ${user}:${user}`);

  // After a reboot nothing of it is there.
  await host.root('umount "$1/secrets" || rm -r "$1/secrets"', pod);
  host.reconnect();
  await files.setVolume(uid, secret, { signal });
  assert.equal(await host.root('cat "$1/key"', place), "s3cret");
});

forEachKind("makes empty directories once", async (stage, { user }) => {
  const { host, files, pod } = stage;
  const owner = user === 0 ? "0" : user;
  const plain = { kind: "emptyDir", name: "plain", medium: "" } as const;
  const shared = { ...plain, name: "shared", fsGroup: 3000 };
  const sized = { ...plain, name: "sized", sizeLimitBytes: 1 << 20 };
  for (const volume of [plain, shared, sized]) {
    await files.setVolume(uid, volume, { signal });
  }
  const root = `${pod}/volumes`;
  assert.equal(await modeOf(`${root}/plain`), `777 ${owner}:${owner}`);
  assert.equal(
    await modeOf(`${root}/shared`),
    user === 0 ? "2777 0:3000" : `777 ${owner}:${owner}`,
  );
  await host.root('cd "$1"; echo kept >plain/file; chmod 0700 plain', root);
  await podFiles(host).setVolume(uid, plain, { signal });
  assert.equal(await modeOf(`${root}/plain`), `700 ${owner}:${owner}`);
  assert.equal(await Deno.readTextFile(`${root}/plain/file`), "kept\n");
  const next = podFiles(host);
  await next.binds(uid, [mountOf("sized")], { signal });
  assert.deepEqual(
    next.placedVolumes().map((each) => [each.volume, each.sizeLimitBytes]),
    [["plain", undefined], ["shared", undefined], ["sized", 1 << 20]],
  );
});

forEachKind("makes directories in memory", async (stage) => {
  const { host, files, pod } = stage;
  const volume = {
    kind: "emptyDir",
    name: "memory",
    medium: "Memory",
    sizeLimitBytes: 1 << 20,
    fsGroup: 3000,
  } as const;
  await files.setVolume(uid, volume, { signal });
  const place = `${pod}/volumes/memory`;
  const look = 'stat -f -c "%T %b %S" "$1"; stat -c "%a %u:%g" "$1"';
  const [size, mode] = (await host.root(look, place)).trim().split("\n");
  assert.equal(size, `tmpfs ${(1 << 20) / 4096} 4096`);
  assert.equal(mode, "2777 0:3000");
  await host.root('echo kept >"$1/file"', place);
  await podFiles(host).setVolume(uid, volume, { signal });
  assert.equal(await host.root('cat "$1/file"', place), "kept\n");
  // After a reboot it is empty, and not on the disk.
  await host.root('umount "$1"', place);
  host.reconnect();
  await files.setVolume(uid, volume, { signal });
  assert.match(await host.root(look, place), /^tmpfs .*\n2777 0:3000\n$/);
}, isRoot);

forEachKind("refuses memory that it cannot mount", async ({ files }) => {
  await assert.rejects(
    files.setVolume(uid, { kind: "emptyDir", name: "m", medium: "Memory" }, {
      signal,
    }),
    { reason: "ContainerCreating", message: /may not mount anything/ },
  );
}, (options) => !isRoot(options));

forEachKind("checks host paths in the kubelet's words", async (stage) => {
  const { host, files } = stage;
  const { home } = host;
  const set = (path: string, type: string) =>
    files.setVolume(uid, { kind: "hostPath", name: "host", path, type }, {
      signal,
    });
  await set(`${home}/a/b`, "DirectoryOrCreate");
  assert.equal((await modeOf(`${home}/a/b`)).split(" ")[0], "755");
  assert.equal(await source(stage, "host"), `${home}/a/b`);
  await set(`${home}/a/file`, "FileOrCreate");
  assert.equal((await modeOf(`${home}/a/file`)).split(" ")[0], "644");
  await set(`${home}/a/file`, "File");
  await set(`${home}/a/new`, "");
  await set("/dev/null", "CharDevice");
  for (
    const [path, type, problem] of [
      [`${home}/a/file`, "Directory", "is not a directory, it's a File"],
      [
        `${home}/a/file`,
        "DirectoryOrCreate",
        "is not a directory, it's a File",
      ],
      [`${home}/a`, "File", "is not a file, it's a Directory"],
      [`${home}/a`, "FileOrCreate", "is not a file, it's a Directory"],
      [`${home}/a/file`, "Socket", "is not a socket file, it's a File"],
      [
        `${home}/a/file`,
        "CharDevice",
        "is not a character device, it's a File",
      ],
      ["/dev/null", "BlockDevice", "is not a block device, it's a CharDevice"],
    ] as const
  ) {
    await assert.rejects(set(path, type), {
      reason: "ContainerCreating",
      message: `hostPath type check failed: ${path} ${problem}`,
    });
  }
  await assert.rejects(set(`${home}/missing`, "Directory"), {
    message:
      `hostPath type check failed, ${home}/missing is not a directory, unable to determine its type: path "${home}/missing" does not exist`,
  });
  await assert.rejects(set(`${home}/none/file`, "FileOrCreate"), {
    message: `cannot make file ${home}/none/file`,
  });
  await assert.rejects(set(`${home}/a`, "Nonsense"), {
    message: "Nonsense is an invalid volume type",
  });
});

forEachKind("binds paths in volumes, and makes missing ones", async (stage) => {
  const { host, files } = stage;
  const empty = { kind: "emptyDir", name: "empty", medium: "" } as const;
  await files.setVolume(uid, { ...empty, fsGroup: 3000 }, { signal });
  await files.setVolume(uid, filesVolume([file("d/a", "one")]), { signal });
  const binds = await files.binds(uid, [
    mountOf("config", "d/a"),
    { ...mountOf("empty", "new/dir/"), propagation: "HostToContainer" },
    mountOf("empty"),
  ], { signal });
  const [one, two, three] = binds.map((bind) => bind.source);
  assert.deepEqual(binds.map(({ readOnly }) => readOnly), [true, false, false]);
  assert.equal(binds[1]?.propagation, "HostToContainer");
  assert.equal(await host.root('cat "$1"', one ?? ""), "one");
  await host.root('echo two >"$1/file"', two ?? "");
  assert.equal(
    await host.root('cat "$1/new/dir/file"', three ?? ""),
    "two\n",
  );
  assert.equal(
    await modeOf(`${three}/new`),
    await modeOf(three ?? ""),
    "the mode and the group of the volume",
  );
  // A restarted container sees what is there now.
  await files.setVolume(uid, filesVolume([file("d/a", "two")]), { signal });
  const again = await source(stage, "config", "d/a");
  assert.equal(await host.root('cat "$1"', again), "two");
});
