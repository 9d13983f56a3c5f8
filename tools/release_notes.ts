/**
 * Prints the section of CHANGELOG.md for a tag such as `v0.1.0`; fails when the tag is not the
 * version of deno.json or has no section.
 */
import project from "../deno.json" with { type: "json" };

const [tag = ""] = Deno.args;
if (tag !== `v${project.version}`) {
  throw new Error(`Cannot release ${tag}: deno.json says ${project.version}`);
}
const changelog = await Deno.readTextFile(
  new URL("../CHANGELOG.md", import.meta.url),
);
const section = changelog.split(/^## /m).find((section) =>
  section.startsWith(`${project.version} `) ||
  section.startsWith(`${project.version}\n`)
);
if (section === undefined) {
  throw new Error(`Cannot release ${tag}: CHANGELOG.md has no section for it`);
}
const [, ...lines] = section.split("\n");
await Deno.stdout.write(
  new TextEncoder().encode(`${lines.join("\n").trim()}\n`),
);
