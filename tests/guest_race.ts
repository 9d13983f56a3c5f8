import assert from "node:assert/strict";
import { RunningGuest } from "./run_guest.ts";

/** What came of a race between a guest and somebody who changes its directory. */
export interface RaceResult {
  /** How often the guest did what it wanted, inside. */
  readonly inside: number;
  /** How often it got out: what it saw there, and what it left there. */
  readonly escapes: number;
  /** How often it met the link, or nothing. */
  readonly errors: number;
}

/**
 * Runs a guest that works in a directory, while that and a link to outside change places as fast as
 * can be.
 */
export async function raceGuest(milliseconds: number): Promise<RaceResult> {
  const dir = await Deno.makeTempDir({ prefix: "farlet-race-" });
  const root = `${dir}/root`;
  try {
    await Deno.mkdir(root);
    await Deno.writeTextFile(`${root}/in.txt`, "input data\n");
    await furnish(`${root}/swap`, "i");
    await furnish(`${dir}/outside`, "outside");
    await Deno.symlink("../outside", `${root}/other`);
    const preopens = [{ guestPath: "/", hostPath: root, readOnly: false }];
    const before = await describe(`${dir}/outside`);
    await using guest = await RunningGuest.start("attacks", ["race"], {
      preopens,
    });
    await guest.untilStdout("racing\n");
    exchange(`${root}/swap`, `${root}/other`, milliseconds);
    await Deno.writeTextFile(`${root}/stop`, "");
    const { stdout } = await guest.ended();
    const counts = /inside (\d+) outside (\d+) errors (\d+)/.exec(stdout);
    assert.ok(counts, stdout);
    const [inside = 0, seen = 0, errors = 0] = counts.slice(1).map(Number);
    const after = await describe(`${dir}/outside`);
    return { inside, errors, escapes: seen + differences(before, after) };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A directory whose content tells where it is. */
async function furnish(path: string, where: string): Promise<void> {
  await Deno.mkdir(`${path}/dir`, { recursive: true });
  await Deno.symlink(where, `${path}/link`);
  const marker = where === "outside" ? "OUT" : "I";
  await Deno.writeTextFile(`${path}/marker`, marker);
  for (const name of ["log", "ball", "victim", where]) {
    await Deno.writeTextFile(`${path}/${name}`, marker);
  }
}

/** What of a directory a guest could have changed, by name. */
async function describe(path: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isFile } of Deno.readDir(path)) {
    const { ino, size, mtime } = await Deno.lstat(`${path}/${name}`);
    found.set(name, `${ino} ${isFile ? `${size} ${mtime?.getTime()}` : ""}`);
  }
  return found;
}

function differences(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): number {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name))
    .length;
}

/** Exchanges two names, again and again. */
function exchange(one: string, other: string, milliseconds: number): void {
  const libc = Deno.dlopen("libc.so.6", {
    renameat2: {
      parameters: ["i32", "buffer", "i32", "buffer", "u32"],
      result: "i32",
    },
  });
  const encoder = new TextEncoder();
  const [from, to] = [encoder.encode(`${one}\0`), encoder.encode(`${other}\0`)];
  const current = -100;
  const exchanging = 2;
  for (const end = Date.now() + milliseconds; Date.now() < end;) {
    const { renameat2 } = libc.symbols;
    assert.equal(renameat2(current, from, current, to, exchanging), 0);
  }
  libc.close();
}
