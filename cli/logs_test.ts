import assert from "node:assert/strict";
import { logQuery } from "./logs.ts";

/** Without what is absent. */
function query(flags: Parameters<typeof logQuery>[0]): unknown {
  return JSON.parse(JSON.stringify(logQuery(flags)));
}

for (
  const [flags, wanted] of [
    [{}, {}],
    [{ follow: true, previous: true, timestamps: true }, {
      follow: true,
      previous: true,
      timestamps: true,
    }],
    [{ tail: "0" }, { tailLines: 0 }],
    [{ tail: "20" }, { tailLines: 20 }],
    [{ tail: "-1" }, {}],
    [{ limitBytes: "100" }, { limitBytes: 100 }],
    [{ limitBytes: "0" }, {}],
    [{ since: "5m" }, { sinceSeconds: 300 }],
    [{ since: "1500ms" }, { sinceSeconds: 2 }],
    [{ since: "0" }, {}],
    [{ sinceTime: "2026-01-31T12:00:00Z" }, {
      sinceTime: "2026-01-31T12:00:00Z",
    }],
  ] as const
) {
  Deno.test(`logQuery() turns ${JSON.stringify(flags)} into ${JSON.stringify(wanted)}`, () => {
    assert.deepEqual(query(flags), wanted);
  });
}

for (
  const flags of [
    { tail: "-2" },
    { tail: "ten" },
    { tail: "1.5" },
    { limitBytes: "-1" },
    { since: "5" },
    { since: "-5m" },
    { sinceTime: "yesterday" },
    { sinceTime: "2026-01-31" },
    { sinceTime: "2026-13-31T12:00:00Z" },
    { since: "5m", sinceTime: "2026-01-31T12:00:00Z" },
  ]
) {
  Deno.test(`logQuery() refuses ${JSON.stringify(flags)}`, () => {
    assert.throws(() => logQuery(flags), { name: "ConfigError" });
  });
}
