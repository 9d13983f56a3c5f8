import assert from "node:assert/strict";
import { parseAllowedHosts } from "./egress.ts";
import type { NameSettings } from "./guest_spec.ts";
import { NameResolver } from "./name_resolver.ts";

const { signal } = new AbortController();

/** A resolver for these entries in a world where these names are known. */
function resolver(
  entries: readonly string[],
  world: Readonly<Record<string, readonly string[]>>,
  settings: Partial<NameSettings> = {},
) {
  const asked: string[] = [];
  const full = { hosts: [], servers: [], searches: [], ndots: 1, ...settings };
  const names = new NameResolver(parseAllowedHosts(entries), full, (name) => {
    asked.push(name);
    const found = world[name];
    return found === undefined
      ? Promise.reject(new Deno.errors.NotFound("no such name"))
      : Promise.resolve(found);
  });
  return { names, asked };
}

Deno.test("NameResolver.lookup() asks for no name that no entry allows", async () => {
  const { names, asked } = resolver(["a.example"], {});
  await assert.rejects(
    names.lookup("b.example", { signal }),
    Deno.errors.PermissionDenied,
  );
  assert.deepEqual(asked, []);
});

Deno.test("NameResolver opens what a name gave for the ports and schemes of its entries only", async () => {
  const { names } = resolver(["tcp://a.example:80", "b.example:81"], {
    "a.example": ["10.0.0.1"],
    "b.example": ["10.0.0.2"],
  });
  assert.ok(!names.allowsAddress("10.0.0.1", 80, "tcp"));
  assert.deepEqual(await names.lookup("A.example", { signal }), ["10.0.0.1"]);
  await names.lookup("b.example", { signal });
  assert.ok(names.allowsAddress("10.0.0.1", 80, "tcp"));
  assert.ok(names.allowsAddress("::ffff:10.0.0.1", 80, "tcp"));
  assert.ok(!names.allowsAddress("10.0.0.1", 80, "udp"));
  assert.ok(!names.allowsAddress("10.0.0.1", 81, "tcp"));
  assert.ok(names.allowsAddress("10.0.0.2", 81, "udp"));
  assert.ok(!names.allowsAddress("10.0.0.3", 81, "udp"));
});

Deno.test("NameResolver opens no address of this machine that a name server tells", async () => {
  for (const entry of ["a.example", "*", "*.example"]) {
    const { names } = resolver([entry], {
      "a.example": ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"],
    });
    await assert.rejects(
      names.lookup("a.example", { signal }),
      /Cannot use the addresses of "a.example"/,
    );
    assert.ok(!names.allowsAddress("127.0.0.1", 80, "tcp"));
    assert.ok(!names.allowsAddress("169.254.169.254", 80, "http"));
  }
});

Deno.test("NameResolver leaves local addresses out of an answer that has others", async () => {
  const { names } = resolver(["a.example"], {
    "a.example": ["127.0.0.1", "10.0.0.1"],
  });
  assert.deepEqual(await names.lookup("a.example", { signal }), ["10.0.0.1"]);
});

Deno.test("NameResolver gives a local address that an entry has, for that entry's port alone", async () => {
  const { names } = resolver(["a.example", "127.0.0.0/8:80"], {
    "a.example": ["127.0.0.5"],
  });
  assert.deepEqual(await names.lookup("a.example", { signal }), ["127.0.0.5"]);
  assert.ok(names.allowsAddress("127.0.0.5", 80, "tcp"));
  assert.ok(!names.allowsAddress("127.0.0.5", 81, "tcp"));
});

Deno.test("NameResolver knows localhost where an entry names it, and asks nobody", async () => {
  const { names, asked } = resolver(["localhost:80"], {});
  assert.deepEqual(await names.lookup("localhost", { signal }), [
    "127.0.0.1",
    "::1",
  ]);
  assert.ok(names.allowsAddress("127.0.0.1", 80, "http"));
  assert.ok(!names.allowsAddress("127.0.0.1", 81, "http"));
  const any = resolver(["*"], {});
  await assert.rejects(
    any.names.lookup("localhost", { signal }),
    Deno.errors.PermissionDenied,
  );
  assert.deepEqual([...asked, ...any.asked], []);
});

Deno.test("NameResolver prefers the pod's hostAliases, which may be local", async () => {
  const hosts = [{ ip: "127.0.0.9", hostnames: ["db", "DB.example"] }];
  const { names, asked } = resolver(["db.example:1"], {}, { hosts });
  assert.deepEqual(await names.lookup("db.example", { signal }), ["127.0.0.9"]);
  assert.ok(names.allowsAddress("127.0.0.9", 1, "tcp"));
  await assert.rejects(
    names.lookup("db", { signal }),
    Deno.errors.PermissionDenied,
  );
  assert.deepEqual(asked, []);
});

const searches = ["ns.svc.cluster.local", "svc.cluster.local"];

Deno.test("NameResolver looks in the search domains first where a name has few dots", async () => {
  const { names, asked } = resolver(["*"], {
    "db.other.svc.cluster.local": ["10.0.0.1"],
  }, { searches, ndots: 5 });
  assert.deepEqual(await names.lookup("db.other", { signal }), ["10.0.0.1"]);
  assert.deepEqual(asked, [
    "db.other.ns.svc.cluster.local",
    "db.other.svc.cluster.local",
  ]);
  asked.length = 0;
  await assert.rejects(
    names.lookup("db.other.", { signal }),
    Deno.errors.NotFound,
  );
  assert.deepEqual(asked, ["db.other"]);
});

Deno.test("NameResolver heeds entries for a name as given and as it was found", async () => {
  const world = { "db.ns.svc.cluster.local": ["10.0.0.1"] };
  const settings = { searches, ndots: 5 };
  for (const entry of ["db:5432", "*.svc.cluster.local:5432"]) {
    const { names } = resolver([entry], world, settings);
    await names.lookup("db", { signal });
    assert.ok(names.allowsAddress("10.0.0.1", 5432, "tcp"), entry);
    assert.ok(!names.allowsAddress("10.0.0.1", 80, "tcp"), entry);
  }
});

Deno.test("NameResolver.lookup() gives an address for itself and opens nothing by that", async () => {
  const { names, asked } = resolver(["a.example"], {});
  assert.deepEqual(await names.lookup("10.0.0.1", { signal }), ["10.0.0.1"]);
  assert.deepEqual(await names.lookup("[::1]", { signal }), ["::1"]);
  assert.ok(!names.allowsAddress("10.0.0.1", 80, "tcp"));
  assert.deepEqual(asked, []);
});

Deno.test("NameResolver.lookup() says what a server failed with unless another name is found", async () => {
  const policy = parseAllowedHosts(["*"]);
  const settings = { hosts: [], servers: [], searches: ["x"], ndots: 5 };
  const names = new NameResolver(
    policy,
    settings,
    (name) =>
      name === "a.x"
        ? Promise.reject(new Error("server failed"))
        : Promise.reject(new Deno.errors.NotFound("no such name")),
  );
  await assert.rejects(names.lookup("a", { signal }), /server failed/);
});

Deno.test("NameResolver forgets the oldest addresses, and keeps the newest", async () => {
  const many = Array.from(
    { length: 1100 },
    (_, i) => `10.0.${i >> 8}.${i & 255}`,
  );
  const { names } = resolver(["a.example"], { "a.example": many });
  await names.lookup("a.example", { signal });
  assert.ok(!names.allowsAddress("10.0.0.0", 80, "tcp"));
  assert.ok(names.allowsAddress(many.at(-1) ?? "", 80, "tcp"));
});
