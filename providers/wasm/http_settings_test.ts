import assert from "node:assert/strict";
import { httpRefusals, httpSettings } from "./http_settings.ts";

Deno.test("httpSettings() gives each request an instance of its own unless told otherwise", () => {
  const settings = httpSettings({}, "web");
  assert.deepEqual([settings.poolSize, settings.maxInvocations], [0, 1]);
});

Deno.test("httpSettings() reads what is for all containers, and what is for one", () => {
  const annotations = {
    "farlet.dev/max-invocations": "10",
    "farlet.dev/max-invocations.web": "20",
    "farlet.dev/pool-size": "3",
    "farlet.dev/max-concurrency.api": "4",
  };
  const { maxConcurrency: _, ...web } = httpSettings(annotations, "web");
  assert.deepEqual(web, { poolSize: 3, maxInvocations: 20 });
  assert.deepEqual(
    httpSettings(annotations, "api"),
    { poolSize: 3, maxInvocations: 10, maxConcurrency: 4 },
  );
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  ["farlet.dev/max-invocations", "0", /"0" is no whole number/],
  ["farlet.dev/max-concurrency.web", "many", /"many" is no whole number/],
  ["farlet.dev/max-concurrency.x", "1", /has no container "x"/],
  ["farlet.dev/pool-size", "4", /unless farlet.dev\/max-invocations lets/],
];
for (const [key, value, message] of refused) {
  Deno.test(`httpRefusals() refuses ${key} ${value}`, () => {
    const [refusal, ...others] = httpRefusals({
      metadata: { annotations: { [key]: value } },
      spec: { containers: [{ name: "web" }] },
    });
    assert.equal(refusal?.field, `metadata.annotations[${key}]`);
    assert.match(refusal?.message ?? "", message);
    assert.deepEqual(others, []);
  });
}

const pooled: readonly (readonly [string, Record<string, string>, number])[] = [
  ["one container's, by its own", { "max-invocations.web": "2" }, 0],
  ["one container's, by that of all", { "max-invocations": "2" }, 0],
  ["one container's, by another's", { "max-invocations.api": "2" }, 1],
  ["one container's, for one request", { "max-invocations": "1" }, 1],
];
for (const [name, annotations, want] of pooled) {
  Deno.test(`httpRefusals() judges a pool: ${name}`, () => {
    const all = { ...annotations, "pool-size.web": "4" };
    const refusals = httpRefusals({
      metadata: {
        annotations: Object.fromEntries(
          Object.entries(all).map(([key, text]) => [`farlet.dev/${key}`, text]),
        ),
      },
      spec: { containers: [{ name: "web" }, { name: "api" }] },
    });
    assert.equal(refusals.length, want);
  });
}

Deno.test("httpRefusals() takes a pool of all where one container keeps its instances", () => {
  const annotations = {
    "farlet.dev/pool-size": "4",
    "farlet.dev/max-invocations.api": "2",
  };
  const containers = [{ name: "web" }, { name: "api" }];
  assert.deepEqual(
    httpRefusals({ metadata: { annotations }, spec: { containers } }),
    [],
  );
});
