import assert from "node:assert/strict";
import fc from "fast-check";
import { expand, valueOf } from "./expansion.ts";

const vars: Readonly<Record<string, string>> = {
  VAR_A: "A",
  VAR_B: "B",
  VAR_C: "C",
  VAR_REF: "$(VAR_A)",
  VAR_EMPTY: "",
};

/** The rows of the kubelet's own table, and a few of ours. */
const cases:
  readonly (readonly [claim: string, input: string, want: string])[] = [
    ["a whole string", "$(VAR_A)", "A"],
    ["a repeated name", "$(VAR_A)-$(VAR_A)", "A-A"],
    ["the beginning", "$(VAR_A)-1", "A-1"],
    ["the middle", "___$(VAR_B)___", "___B___"],
    ["the end", "___$(VAR_C)", "___C"],
    ["several names", "$(VAR_A)_$(VAR_B)_$(VAR_C)", "A_B_C"],
    ["a name after an escape", "$$(VAR_B)_$(VAR_A)", "$(VAR_B)_A"],
    ["nothing but escapes", "$$(VAR_A)_$$(VAR_B)", "$(VAR_A)_$(VAR_B)"],
    ["an escape of a bare name", "f000-$$VAR_A", "f000-$VAR_A"],
    ["a name after a backslash", "foo\\$(VAR_C)bar", "foo\\Cbar"],
    ["a name after two backslashes", "foo\\\\$(VAR_C)bar", "foo\\\\Cbar"],
    ["no nested names", "$(VAR_A$(VAR_B))", "$(VAR_A$(VAR_B))"],
    ["no nested and incomplete names", "$(VAR_A$(VAR_B)", "$(VAR_A$(VAR_B)"],
    ["no value again", "%%$(VAR_REF)--$(VAR_REF)%%", "%%$(VAR_A)--$(VAR_A)%%"],
    ["an empty value", "foo$(VAR_EMPTY)bar", "foobar"],
    ["no unterminated name", "foo$(VAR_Awhoops!", "foo$(VAR_Awhoops!"],
    ["no name without a dollar", "f00__(VAR_A)__", "f00__(VAR_A)__"],
    ["no special variables of a shell", "$?_boo_$!", "$?_boo_$!"],
    ["no bare name", "$VAR_A", "$VAR_A"],
    ["no unknown name", "$(VAR_DNE)", "$(VAR_DNE)"],
    ["an even row of dollars", "$$$$$$(BIG_MONEY)", "$$$(BIG_MONEY)"],
    ["an even row before a known name", "$$$$$$(VAR_A)", "$$$(VAR_A)"],
    ["an odd row of dollars", "$$$$$$$(GOOD_ODDS)", "$$$$(GOOD_ODDS)"],
    ["an odd row before a known name", "$$$$$$$(VAR_A)", "$$$A"],
    ["no name without an opening", "$VAR_A)", "$VAR_A)"],
    ["no braces", "${VAR_A}", "${VAR_A}"],
    ["all but an incomplete end", "$(VAR_B)___$(A", "B___$(A"],
    ["all but an empty incomplete end", "$(VAR_C)___$(", "C___$("],
    ["all but a dollar at the end", "$(VAR_A)foobarzab$", "Afoobarzab$"],
    ["no row of openings", "--$($($($($--", "--$($($($($--"],
    ["no row of openings at the start", "$($($($($--foo$(", "$($($($($--foo$("],
    ["no escape inside a name", "$(foo$$var)", "$(foo$$var)"],
    ["an escape after an incomplete name", "$(foo$$var", "$(foo$var"],
    ["no newline", "\n", "\n"],
    ["a name next to letters of any script", "é$(VAR_A)日", "éA日"],
    ["no name that only JavaScript knows", "$(constructor)", "$(constructor)"],
  ];

for (const [claim, input, want] of cases) {
  Deno.test(`expand() handles ${claim}: ${JSON.stringify(input)}`, () => {
    assert.equal(expand(input, lookup), want);
  });
}

Deno.test("expand() agrees with a letter-by-letter reading of the rules", () => {
  const text = fc.array(
    fc.constantFrom("$", "(", ")", "VAR_A", "VAR_REF", "x", "日"),
  ).map((parts) => parts.join(""));
  fc.assert(fc.property(text, (input) => {
    assert.equal(expand(input, lookup), model(input));
  }));
});

Deno.test("expand() gives back any text whose dollars are doubled", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    const escaped = text.replaceAll("$", () => "$$");
    assert.equal(expand(escaped, () => "wrong"), text);
  }));
});

Deno.test("expand() takes linear time on a row of openings", () => {
  const text = "$(".repeat(500_000);
  assert.equal(expand(text, () => "wrong"), text);
});

function lookup(name: string): string | undefined {
  return valueOf(vars, name);
}

function model(input: string): string {
  let output = "";
  for (let at = 0; at < input.length;) {
    const close = input.indexOf(")", at);
    if (input.startsWith("$$", at)) {
      output += "$";
      at += 2;
    } else if (input.startsWith("$(", at) && close !== -1) {
      const name = input.slice(at + 2, close);
      output += vars[name] ?? `$(${name})`;
      at = close + 1;
    } else {
      output += input[at++];
    }
  }
  return output;
}
