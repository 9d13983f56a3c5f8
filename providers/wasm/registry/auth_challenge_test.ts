import assert from "node:assert/strict";
import { type AuthChallenge, parseChallenge } from "./auth_challenge.ts";

const headers: readonly (readonly [string, AuthChallenge | undefined])[] = [
  ['Basic realm="x"', { kind: "basic" }],
  ["basic", { kind: "basic" }],
  [
    'Bearer realm="https://a.example/token",service="a.example",scope="repository:a/b:pull,push"',
    {
      kind: "bearer",
      realm: "https://a.example/token",
      service: "a.example",
      scope: "repository:a/b:pull,push",
    },
  ],
  [
    'Basic realm="x, Bearer realm=y", BEARER realm="https://z/", error="invalid_token"',
    { kind: "bearer", realm: "https://z/" },
  ],
  [
    'bearer  service = plain , realm="https://a/\\"b\\""',
    { kind: "bearer", realm: 'https://a/"b"', service: "plain" },
  ],
  ["Negotiate", undefined],
  ['Bearer service="x"', undefined],
  ["", undefined],
];
for (const [header, want] of headers) {
  Deno.test(`parseChallenge() reads ${header || "nothing"}`, () => {
    assert.deepEqual(parseChallenge(header), want);
  });
}

Deno.test("parseChallenge() takes no longer for blanks than for anything else", () => {
  // In time that grows with their square it would take minutes.
  const blanks = " ".repeat(300_000);
  assert.equal(parseChallenge(`Bearer a=b${blanks}!`), undefined);
});
