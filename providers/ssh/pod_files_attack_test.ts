import assert from "node:assert/strict";
import { PodFiles } from "./pod_files.ts";
import {
  file,
  type FilesStage,
  filesVolume,
  forEachKind,
  isRoot,
  mountOf,
  namesIn,
  source,
  uid,
} from "./test_pod_files.ts";

const { signal } = new AbortController();

/** Gives what was made in the volume to the user of the host. */
async function giveAway({ host }: FilesStage, volume: string): Promise<void> {
  const owner = (await Deno.stat(host.home)).uid ?? 0;
  await host.root('chown -hR "$2" "$1"', volume, String(owner));
}

/** An empty directory that a container may write to, and something that it may not. */
async function prepare(
  { host, files, pod }: FilesStage,
): Promise<{ readonly volume: string; readonly outside: string }> {
  await files.setVolume(uid, { kind: "emptyDir", name: "work", medium: "" }, {
    signal,
  });
  const outside = `${host.directory}/outside`;
  await host.root('mkdir -p "$1/dir"; echo private >"$1/file"', outside);
  return { volume: `${pod}/volumes/work`, outside };
}

forEachKind("follows no link out of a volume", async (stage) => {
  const { host, files } = stage;
  const { volume, outside } = await prepare(stage);
  await host.root(
    `cd "$1"; ln -s "$2" up; ln -s "$2/file" file; ln -s ../../../.. dots
     ln -s "$2/missing" dangling; mkdir real; ln -s ../up real/hop; ln -s loop loop`,
    volume,
    outside,
  );
  await giveAway(stage, volume);
  const paths = ["up", "up/dir", "file", "dots", "dots/node-1", "dangling"];
  for (
    const path of [...paths, "dangling/new", "real/hop", "real/hop/new", "loop"]
  ) {
    await assert.rejects(
      files.binds(uid, [mountOf("work", path)], { signal }),
      {
        reason: "CreateContainerConfigError",
        message: /^failed to prepare subPath for volumeMount "work": it /,
      },
      path,
    );
  }
  assert.deepEqual(await namesIn(outside), ["dir", "file"]);
});

forEachKind("follows links that stay in a volume", async (stage) => {
  const { host } = stage;
  const { volume } = await prepare(stage);
  await host.root(
    'cd "$1"; mkdir -p a/b; echo in >a/b/file; ln -s a/b near; ln -s "$1/a" far',
    volume,
  );
  await giveAway(stage, volume);
  for (const path of ["near/file", "far/b/file"]) {
    const found = await source(stage, "work", path);
    assert.equal(await host.root('cat "$1"', found), "in\n", path);
  }
  const made = await source(stage, "work", "near/new");
  await host.root('touch "$1/x"; [ -e "$2/a/b/new/x" ]', made, volume);
});

forEachKind("takes no part of a name for another source", async (stage) => {
  const { host, files } = stage;
  const { volume, outside } = await prepare(stage);
  await host.root(
    `cd "$1"; mkdir -p "a
$2" own; ln -s "a
$2" link`,
    volume,
    outside,
  );
  await giveAway(stage, volume);
  const mounts = [mountOf("work", "link"), mountOf("work", "own")];
  const sources = await files.binds(uid, mounts, { signal }).then(
    (binds) => binds.map((bind) => bind.source),
    (error): readonly string[] => {
      assert.match(String(error), /its name has a line feed/);
      return [];
    },
  );
  assert.ok(!sources.includes(outside));
});

forEachKind("holds on to what it resolved", async (stage) => {
  const { host, files } = stage;
  const { volume, outside } = await prepare(stage);
  await host.root('mkdir "$1/dir"; echo in >"$1/dir/file"', volume);
  const binds = await files.binds(uid, [
    mountOf("work", "dir"),
    mountOf("work", "dir/file"),
  ], { signal });
  // What a container does between this and the start of another one.
  await host.root('cd "$1"; mv dir old; ln -s "$2" dir', volume, outside);
  const [directory = "", text = ""] = binds.map((bind) => bind.source);
  assert.equal(
    await host.root('cat "$1/file" "$2"', directory, text),
    "in\nin\n",
  );
}, isRoot);

forEachKind("never mounts what is swapped meanwhile", async (stage) => {
  const { host, files } = stage;
  const { volume, outside } = await prepare(stage);
  // What is not there would be made, as a directory, before the race begins.
  await host.root(
    'mkdir "$1/real"; echo in >"$1/real/file"; ln -s real "$1/target"',
    volume,
  );
  // One end of the race: a link that is a directory half of the time.
  const racing = host.root(
    `cd "$1"; ln -s real good; ln -s "$2" bad
     while ! [ -e stop ]; do
       ln -s real .a && mv -T .a target; ln -s "$2" .b && mv -T .b target
     done`,
    volume,
    outside,
  );
  const seen = new Set<string>();
  for (let i = 0; i < 15; i++) {
    try {
      const found = await source(stage, "work", "target/file");
      seen.add(await host.root('cat "$1"', found));
    } catch (error) {
      assert.match(String(error), /failed to prepare subPath/);
    }
  }
  await host.root('touch "$1/stop"', volume);
  await racing;
  assert.ok(!seen.has("private\n"), "something outside was mounted");
  await files.removePod(uid, { signal });
  assert.deepEqual(await namesIn(outside), ["dir", "file"]);
}, isRoot);

forEachKind("takes neither pipes nor devices for files", async (stage) => {
  const { host, files } = stage;
  const { volume } = await prepare(stage);
  await host.root('mkfifo "$1/pipe"; mknod "$1/zero" c 1 5', volume);
  for (const path of ["pipe", "zero"]) {
    await assert.rejects(
      files.binds(uid, [mountOf("work", path)], { signal }),
      {
        message: /it is neither a directory nor a regular file/,
      },
    );
  }
}, isRoot);

forEachKind("removes links, not what they name", async (stage) => {
  const { host, files, pod } = stage;
  const { volume, outside } = await prepare(stage);
  await host.root(
    `cd "$1"; ln -s "$2" dir; ln -s "$2/file" file; ln -s / root
     mkdir -p "deep/-rf" "deep/ spaces and
newline"; touch "deep/-rf/*" .hidden; ln -s "$2" deep/again`,
    volume,
    outside,
  );
  await giveAway(stage, volume);
  await files.removePod(uid, { signal });
  await host.root('if [ -e "$1" ]; then exit 1; fi', pod);
  assert.deepEqual(await namesIn(outside), ["dir", "file"]);
});

forEachKind("removes mounts, not what is mounted", async (stage) => {
  const { host, files, pod } = stage;
  const { volume, outside } = await prepare(stage);
  await files.setVolume(
    uid,
    filesVolume([file("a", "")], { secret: true }),
    { signal },
  );
  await source(stage, "work", "sub");
  await host.root(
    `cd "$1"; mkdir plain "a b" nested; touch file
     mount --bind "$2" plain; mount --bind "$2" "a b"; mount --bind "$2/file" file
     mount -t tmpfs x nested; mkdir nested/in; mount --bind "$2" nested/in
     mount --bind "$2" plain`,
    volume,
    outside,
  );
  await files.removePod(uid, { signal });
  await host.root('if [ -e "$1" ]; then exit 1; fi', pod);
  assert.deepEqual(await namesIn(outside), ["dir", "file"]);
  const mounts = await host.root("cat /proc/self/mountinfo");
  assert.ok(!mounts.includes(pod));
}, isRoot);

forEachKind("removes what is in use, and keeps what is open", async (stage) => {
  const { host, files, pod } = stage;
  const { volume, outside } = await prepare(stage);
  await host.root('mkdir "$1/m"; mount --bind "$2" "$1/m"', volume, outside);
  const busy = host.root(
    'cd "$1/m/dir"; : >"$2/ready"; while [ -e "$2/ready" ]; do :; done',
    volume,
    host.home,
  );
  await host.root('until [ -e "$1/ready" ]; do :; done', host.home);
  await files.removePod(uid, { signal });
  await host.root(
    'rm "$1/ready"; if [ -e "$2" ]; then exit 1; fi',
    host.home,
    pod,
  );
  await busy;
  assert.deepEqual(await namesIn(outside), ["dir", "file"]);
}, isRoot);

forEachKind(
  "stays away from where mounts have other names",
  async ({ host }) => {
    await host.root('mkdir "$1/a b"; ln -s "a b" "$1/link"', host.home);
    const root = `${host.home}/link`;
    await assert.rejects(
      new PodFiles(host, { node: "node-1", root }).layout({ signal }),
      /the root has unusual characters: .*\/a b/,
    );
  },
  isRoot,
);

forEachKind("keeps its directories from everybody else", async (stage) => {
  const { host, files, pod } = stage;
  await files.setVolume(
    uid,
    filesVolume([file("key", "s3cret", 0o644)], { secret: true }),
    { signal },
  );
  const place = await source(stage, "config");
  const steal = 'setpriv --reuid=4321 --clear-groups cat "$1/key"';
  await host.root(`if ${steal}; then exit 1; fi`, place);
  assert.ok(place.startsWith(pod));
});
