import assert from "node:assert/strict";
import project from "../../../deno.json" with { type: "json" };
import { bindgenVersion } from "./bindgen_files.ts";

Deno.test("bindgenVersion is the version of the package", () => {
  const name = "@bytecodealliance/jco-transpile";
  assert.equal(project.imports[name], `npm:${name}@${bindgenVersion}`);
});
