import assert from "node:assert/strict";
import {
  addressFamily,
  bytesOfIp,
  decodeAddress,
  encodeAddress,
  ipOfBytes,
} from "./socket_address.ts";

const { inet4, inet6 } = addressFamily;

Deno.test("encodeAddress() makes a sockaddr_in, with the port in the order of the network", () => {
  const bytes = encodeAddress({ ip: "10.1.2.3", port: 0x1234 }, inet4);
  const wanted = [2, 0, 0x12, 0x34, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0];
  assert.deepEqual([...bytes], wanted);
});

for (const ip of ["::", "::1", "2001:db8::1:0:7", "fe80::ffff"]) {
  Deno.test(`decodeAddress() reads ${ip} as encodeAddress() has written it`, () => {
    const address = { ip, port: 65_535 };
    assert.deepEqual(decodeAddress(encodeAddress(address, inet6)), address);
  });
}

Deno.test("encodeAddress() maps an IPv4 address for a socket of IPv6", () => {
  const bytes = encodeAddress({ ip: "10.1.2.3", port: 1 }, inet6);
  const mapped = [...Array(10).fill(0), 255, 255, 10, 1, 2, 3];
  assert.deepEqual([...bytes.subarray(8, 24)], mapped);
});

Deno.test("decodeAddress() knows no other family", () => {
  assert.equal(decodeAddress(new Uint8Array(28)), undefined);
});

Deno.test("bytesOfIp() refuses what is no address of the family", () => {
  assert.throws(() => bytesOfIp("::1", inet4), TypeError);
  assert.throws(() => bytesOfIp("example"), TypeError);
  assert.equal(ipOfBytes(bytesOfIp("192.0.2.1")), "192.0.2.1");
});
