import assert from "node:assert/strict";
import { ConfigError } from "../async/config_error.ts";
import { parseLabelSelector } from "./label_selector.ts";

const labels = { app: "web", env: "dev", "example.com/tier": "front" };
const table: Readonly<Record<string, boolean>> = {
  "": true,
  "app=web": true,
  "app==web": true,
  "app=db": false,
  "app!=db": true,
  "app!=web": false,
  "other!=x": true,
  "app": true,
  "other": false,
  "!other": true,
  "!app": false,
  "env in (dev, test)": true,
  "env in (prod)": false,
  "env notin (prod)": true,
  "other notin (x)": true,
  "env notin (dev,prod)": false,
  "app=web,env in (dev,test),!other": true,
  "app=web,env in (prod,test)": false,
  "example.com/tier=front": true,
};

for (const [text, expected] of Object.entries(table)) {
  Deno.test(`parseLabelSelector("${text}") is ${expected} of the labels`, () => {
    assert.equal(parseLabelSelector(text)(labels), expected);
  });
}

Deno.test("parseLabelSelector() refuses what is no selector", () => {
  for (const text of ["a=b=c", "in (x)", "a in x", "=x", "a>b"]) {
    assert.throws(() => parseLabelSelector(text), ConfigError, text);
  }
});
