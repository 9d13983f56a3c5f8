import assert from "node:assert/strict";
import { healthChecks, healthDetail, healthSummary } from "./health.ts";

const cases: [query: string, synced: boolean, status: number, text: string][] =
  [
    ["", true, 200, "ok"],
    [
      "verbose",
      true,
      200,
      "[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n",
    ],
    [
      "",
      false,
      500,
      "[+]ping ok\n[+]log ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n",
    ],
    ["exclude=syncloop", false, 200, "ok"],
    [
      "verbose&exclude=syncloop&exclude=b&exclude=a",
      false,
      200,
      '[+]ping ok\n[+]log ok\n[+]syncloop excluded: ok\nwarn: some health checks cannot be excluded: no matches for "a","b"\nhealthz check passed\n',
    ],
  ];
for (const [query, synced, status, text] of cases) {
  const state = synced ? "known" : "unknown";
  Deno.test(`healthSummary() of "?${query}" is ${status} with ${state} pods`, async () => {
    const checks = healthChecks({ podsSynced: () => synced });
    const response = healthSummary(checks, new URLSearchParams(query));
    assert.equal(await response.text(), text);
    assert.equal(response.status, status);
    assert.equal(
      response.headers.get("content-type"),
      "text/plain; charset=utf-8",
    );
  });
}

Deno.test("healthDetail() tells why syncloop fails", async () => {
  let synced = false;
  const check = healthChecks({ podsSynced: () => synced })
    .find(({ name }) => name === "syncloop");
  assert.ok(check);
  const failed = healthDetail(check);
  assert.equal(failed.status, 500);
  assert.equal(
    await failed.text(),
    "internal server error: the pods of the node are not known yet\n",
  );
  synced = true;
  const passed = healthDetail(check);
  assert.equal(passed.status, 200);
  assert.equal(await passed.text(), "ok");
});
