import assert from "node:assert/strict";
import {
  allowedHostsOf,
  type EgressScheme,
  parseAllowedHosts,
} from "./egress.ts";

Deno.test("allowedHostsOf() splits at commas, spaces and line ends", () => {
  const text = "a.example, b.example:80\n*.c.example,\n  10.0.0.0/8 ";
  assert.deepEqual(
    allowedHostsOf({ "farlet.dev/allowed-hosts": text }),
    ["a.example", "b.example:80", "*.c.example", "10.0.0.0/8"],
  );
  assert.deepEqual(allowedHostsOf({}), []);
});

Deno.test("EgressPolicy without entries allows nothing", () => {
  const policy = parseAllowedHosts([]);
  assert.ok(policy.isEmpty);
  assert.ok(!policy.allowsName("a.example"));
  assert.ok(!policy.allowsHost("a.example", 80, "http"));
  assert.ok(!policy.allowsAddress("10.0.0.1", 80, "tcp"));
});

type Row = readonly [
  entry: string,
  host: string,
  port: number,
  scheme: EgressScheme,
  want: boolean,
];

const hosts: readonly Row[] = [
  ["*", "a.example", 443, "https", true],
  ["*", "10.0.0.1", 53, "udp", true],
  ["*", "127.0.0.1", 80, "http", false],
  ["*", "[::1]", 80, "http", false],
  ["*", "169.254.169.254", 80, "http", false],
  ["a.example", "A.Example.", 81, "tcp", true],
  ["A.EXAMPLE.", "a.example", 81, "udp", true],
  ["a.example", "b.a.example", 80, "http", false],
  ["a.example", "a.example.evil", 80, "http", false],
  ["a.example:80", "a.example", 80, "http", true],
  ["a.example:80", "a.example", 81, "http", false],
  ["*.example", "a.example", 80, "http", true],
  ["*.example", "a.b.example", 80, "http", true],
  ["*.example", "example", 80, "http", false],
  ["*.example", "evilexample", 80, "http", false],
  ["*.example:80", "a.example", 443, "http", false],
  ["https://a.example", "a.example", 8443, "https", true],
  ["https://a.example", "a.example", 443, "http", false],
  ["https://a.example", "a.example", 443, "tcp", false],
  ["HTTPS://a.example/", "a.example", 443, "https", true],
  ["http://*.example:8080/", "a.example", 8080, "http", true],
  ["tcp://db.example:5432", "db.example", 5432, "tcp", true],
  ["tcp://db.example:5432", "db.example", 5432, "udp", false],
  ["udp://*:53", "1.1.1.1", 53, "udp", true],
  ["udp://*:53", "1.1.1.1", 53, "tcp", false],
  ["10.0.0.1", "10.0.0.1", 1, "tcp", true],
  ["10.0.0.1:80", "10.0.0.1", 81, "tcp", false],
  ["10.0.0.1", "::ffff:10.0.0.1", 1, "tcp", true],
  ["127.0.0.1:80", "127.0.0.1", 80, "http", true],
  ["10.0.0.0/8", "10.9.9.9", 1, "udp", true],
  ["10.0.0.0/8", "11.0.0.1", 1, "udp", false],
  ["10.0.0.0/8:443", "10.0.0.1", 443, "https", true],
  ["10.0.0.0/8:443", "10.0.0.1", 80, "http", false],
  ["tcp://10.0.0.0/8:5432", "10.0.0.1", 5432, "tcp", true],
  ["10.0.0.0/8", "a.example", 80, "http", false],
  ["[::1]:80", "[::1]", 80, "http", true],
  ["[::1]:80", "::1", 81, "http", false],
  ["::1", "[::1]", 81, "tcp", true],
  ["fd00::/8", "fd12::1", 81, "tcp", true],
  ["[fd00::/8]:81", "fd12::1", 81, "tcp", true],
  ["[fd00::]/8:81", "fd12::1", 82, "tcp", false],
  ["http://[fd00::1]:81/", "[fd00::1]", 81, "http", true],
];
for (const [entry, host, port, scheme, want] of hosts) {
  const what = `${scheme} to ${host} port ${port}`;
  Deno.test(`EgressPolicy of ${entry} says ${want} to ${what}`, () => {
    const policy = parseAllowedHosts([entry]);
    assert.equal(policy.allowsHost(host, port, scheme), want);
  });
}

Deno.test("EgressPolicy allows what any of its entries allows", () => {
  const policy = parseAllowedHosts(["a.example:80", "a.example:443"]);
  const ports = [79, 80, 443].filter((port) =>
    policy.allowsHost("a.example", port, "tcp")
  );
  assert.deepEqual(ports, [80, 443]);
});

const invalid: readonly (readonly [string, RegExp])[] = [
  ["ftp://a.example", /"ftp:\/\/a.example": its scheme/],
  ["://a.example", /its scheme/],
  ["a.example/path", /have no path/],
  ["https://a.example/v1", /have no path/],
  ["a.example?x=1", /names no host/],
  ["a.example:0", /its port/],
  ["a.example:65536", /its port/],
  ["a.example:x", /its port/],
  ["a.example:", /its port/],
  ["*example", /wildcard/],
  ["**", /wildcard/],
  ["a.*.example", /names no host/],
  ["*.", /wildcard/],
  ["*.1.2.3.4/8", /neither an IP address nor a CIDR|have no path/],
  ["user@a.example", /names no host/],
  ["-a.example", /names no host/],
  ["10.0.0.1/8", /neither an IP address nor a CIDR/],
  ["10.0.0.256", /neither an IP address nor a CIDR/],
  ["1.2.3", /neither an IP address nor a CIDR/],
  ["[::1", /port|names no host|neither/],
  ["[x]", /names no host/],
  ["http://", /names no host/],
  [":80", /names no host/],
  ["fd00::1/8", /neither an IP address nor a CIDR/],
];
for (const [entry, message] of invalid) {
  Deno.test(`parseAllowedHosts() refuses "${entry}"`, () => {
    assert.throws(() => parseAllowedHosts(["a.example", entry]), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /^Cannot allow host/);
      assert.match(error.message, message);
      return true;
    });
  });
}
