import assert from "node:assert/strict";
import { alignTabs } from "./tab_writer.ts";

Deno.test("alignTabs() aligns a column over the lines that have it", () => {
  assert.equal(
    alignTabs("Name:\tweb\nLabels:\ta=b\n\tc=d\n"),
    "Name:    web\nLabels:  a=b\n         c=d\n",
  );
});

Deno.test("alignTabs() begins anew after a line without the column", () => {
  assert.equal(
    alignTabs("A:\tx\nA very long title\nLonger:\ty"),
    "A:  x\nA very long title\nLonger:  y",
  );
});

Deno.test("alignTabs() aligns a second column only among neighbours that have it", () => {
  assert.equal(
    alignTabs("  Type\tReason\tAge\n  Normal\tx\t5s\nEnd:\tz"),
    "  Type    Reason  Age\n  Normal  x       5s\nEnd:      z",
  );
});
