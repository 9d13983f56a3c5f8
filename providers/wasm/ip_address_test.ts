import assert from "node:assert/strict";
import {
  addressAt,
  contains,
  isLocalAddress,
  parseCidr,
  parseIp,
  rangeSize,
} from "./ip_address.ts";

const reads: readonly (readonly [string, string | undefined])[] = [
  ["10.0.0.1", "10.0.0.1"],
  ["::1", "::1"],
  ["FD00:0:0::A", "fd00::a"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::ffff:a00:1", "10.0.0.1"],
  ["fe80::1%eth0", undefined],
  ["010.0.0.1", undefined],
  ["1.2.3", undefined],
  ["0x7f.1", undefined],
  ["name", undefined],
  ["", undefined],
];
for (const [text, want] of reads) {
  Deno.test(`parseIp() reads "${text}" as ${want ?? "no address"}`, () => {
    const address = parseIp(text);
    assert.equal(address && addressAt(address, 0n), want);
  });
}

const ranges: readonly (readonly [string, string, boolean])[] = [
  ["10.0.0.0/8", "10.255.0.1", true],
  ["10.0.0.0/8", "11.0.0.0", false],
  ["0.0.0.0/0", "1.2.3.4", true],
  ["0.0.0.0/0", "::1", false],
  ["::/0", "10.0.0.1", false],
  ["fd00::/8", "fdff::1", true],
  ["fd00::/8", "fe00::1", false],
  ["::ffff:10.0.0.0/104", "10.1.2.3", true],
  ["10.1.2.3/32", "10.1.2.3", true],
];
for (const [cidr, ip, want] of ranges) {
  Deno.test(`contains() says ${want} for ${ip} in ${cidr}`, () => {
    const [range, address] = [parseCidr(cidr), parseIp(ip)];
    assert.ok(range && address);
    assert.equal(contains(range, address), want);
  });
}

for (
  const text of [
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "x/8",
  ]
) {
  Deno.test(`parseCidr() reads nothing from "${text}"`, () => {
    assert.equal(parseCidr(text), undefined);
  });
}

Deno.test("addressAt() counts from the first address of a range", () => {
  const range = parseCidr("10.1.254.0/23");
  assert.ok(range);
  assert.equal(rangeSize(range), 512n);
  assert.equal(addressAt(range, 257n), "10.1.255.1");
  const longer = parseCidr("fd00:1::/64");
  assert.ok(longer);
  assert.equal(addressAt(longer, 0x10000n), "fd00:1::1:0");
});

Deno.test("isLocalAddress() knows this machine and its links in every spelling", () => {
  const local = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.1.1",
    "fd00:ec2::254",
  ];
  const elsewhere = [
    "10.0.0.1",
    "8.8.8.8",
    "192.168.0.1",
    "fd00::1",
    "2001:4860::8888",
  ];
  const said = (text: string) => {
    const address = parseIp(text);
    assert.ok(address, text);
    return isLocalAddress(address);
  };
  assert.deepEqual(local.filter((text) => !said(text)), []);
  assert.deepEqual(elsewhere.filter(said), []);
});
