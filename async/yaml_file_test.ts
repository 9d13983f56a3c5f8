import assert from "node:assert/strict";
import { ConfigError } from "./config_error.ts";
import { formatYaml, parseYaml } from "./yaml_file.ts";

Deno.test("parseYaml() reads scalars as kubectl does", () => {
  const text = "mode: 0644\non: yes\ntime: 2026-01-01\nport: 1:30\n<<: {a: b}";
  assert.deepEqual(parseYaml(text, "f"), [
    { mode: 420, true: true, time: "2026-01-01", port: "1:30", a: "b" },
  ]);
});

Deno.test("parseYaml() leaves empty documents out", () => {
  assert.deepEqual(parseYaml("---\n---\na: 1\n---\n", "f"), [{ a: 1 }]);
  assert.deepEqual(parseYaml("", "f"), []);
});

Deno.test("parseYaml() says where the text is wrong without quoting it", () => {
  assert.throws(
    () => parseYaml("ok: 1\npassword: [hunter2", "f.yaml"),
    (error: Error) =>
      error instanceof ConfigError &&
      /^Cannot use "f\.yaml": .* at line 2, column \d+$/.test(error.message) &&
      !error.message.includes("hunter2"),
  );
});

Deno.test("parseYaml() refuses a document that multiplies itself", () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i++) {
    const alias = `*a${i - 1}`;
    lines.push(`a${i}: &a${i} [${Array(9).fill(alias).join(", ")}]`);
  }
  assert.throws(() => parseYaml(lines.join("\n"), "f"), ConfigError);
});

Deno.test("formatYaml() writes as kubectl does, and is read back the same", () => {
  const value = {
    items: [{ name: "a", on: true }],
    no: null,
    text: ["true", "017", "1e3", "", "x: y", "2026-01-01T00:00:00Z", "plain"],
    lines: "a\nb\n",
  };
  const text = formatYaml(value);
  assert.equal(
    text,
    `items:
- name: a
  "on": true
"no": null
text:
- "true"
- "017"
- "1e3"
- ""
- 'x: y'
- "2026-01-01T00:00:00Z"
- plain
lines: |
  a
  b
`,
  );
  assert.deepEqual(parseYaml(text, "x"), [value]);
});
