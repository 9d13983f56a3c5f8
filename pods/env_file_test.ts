import assert from "node:assert/strict";
import { envFileValue } from "./env_file.ts";

const values: readonly (readonly [
  claim: string,
  text: string,
  want: string | undefined,
])[] = [
  ["reads a value in single quotes", "A='1'\nKEY='two words'\n", "two words"],
  ["takes the first of two lines", "KEY='1'\nKEY='2'", "1"],
  ["knows comments and blank lines", "# KEY='0'\n\n \t\nKEY='1' # one", "1"],
  ["ignores what is before a name", "  \tKEY='1'", "1"],
  [
    "keeps what is between quotes as it is",
    "KEY='$A \\n \"b\" #c'",
    '$A \\n "b" #c',
  ],
  [
    "reads a value of several lines",
    "KEY='one\n  two\n# three'\n",
    "one\n  two\n# three",
  ],
  ["reads past a value of several lines", "A='one\nKEY=2'\nKEY='3'", "3"],
  ["has nothing where a blank follows the sign", "KEY= '1'", ""],
  ["has nothing between two quotes", "KEY=''", ""],
  ["reads lines of Windows", "A='1'\r\nKEY='2'\r\n", "2"],
  ["keeps signs in a value", "KEY='a=b'", "a=b"],
  ["knows no name that is not there", "A='1'", undefined],
  ["knows no name in an empty file", "", undefined],
  ["reads no further than the name", "KEY='1'\nnonsense", "1"],
];
for (const [claim, text, want] of values) {
  Deno.test(`envFileValue() ${claim}`, () => {
    assert.equal(envFileValue(text, "KEY"), want);
  });
}

const errors: readonly (readonly [text: string, why: RegExp])[] = [
  ["nonsense", /line 1: missing '='$/],
  ["\n='1'", /line 2: empty variable name$/],
  ["KEY ='1'", /line 1: whitespace before '='$/],
  ["KEY=secret", /line 1: value must be enclosed in single quotes$/],
  ['KEY="secret"', /line 1: value must be enclosed in single quotes$/],
  ["KEY='secret\nA='1'", /line 2: unexpected content after closing quote$/],
  ["A='1'\nKEY='secret", /line 2: unclosed single quote$/],
  ["KEY='1'secret", /line 1: unexpected content after closing quote$/],
];
for (const [text, why] of errors) {
  Deno.test(`envFileValue() refuses ${JSON.stringify(text)} without telling what is in it`, () => {
    assert.throws(() => envFileValue(text, "KEY"), (error) => {
      assert.ok(error instanceof SyntaxError);
      assert.match(error.message, why);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });
}
