import assert from "node:assert/strict";
import fc from "fast-check";
import { channelMessage, readChannelMessage } from "./channel_message.ts";

for (const base64 of [false, true]) {
  Deno.test(`readChannelMessage() reads what channelMessage() writes, base64: ${base64}`, () => {
    const channels = fc.nat(base64 ? 74 : 255);
    fc.assert(fc.property(channels, fc.uint8Array(), (channel, bytes) => {
      const message = channelMessage({ channel, bytes }, { base64 });
      assert.equal(message.kind, base64 ? "text" : "binary");
      const read = readChannelMessage(message, { base64 });
      assert.equal(read?.channel, channel);
      assert.deepEqual([...read.bytes], [...bytes]);
    }));
  });
}

for (const text of ["", "1x", "1Zm9=v", "1Zm 9", "1Zm9v\n"]) {
  Deno.test(`readChannelMessage() drops "${text}" as base64`, () => {
    const data = new TextEncoder().encode(text);
    const message = { kind: "text", data } as const;
    assert.equal(readChannelMessage(message, { base64: true }), undefined);
  });
}

Deno.test("readChannelMessage() drops a message without a channel", () => {
  const message = { kind: "binary", data: new Uint8Array() } as const;
  assert.equal(readChannelMessage(message, { base64: false }), undefined);
});
