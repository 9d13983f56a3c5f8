// Makes build/hello.wasm of app.js, after `npm install`.
import { componentize } from "@bytecodealliance/componentize-js";
import { mkdir, readFile, writeFile } from "node:fs/promises";

// WASI's interfaces, as jco has them: a file each, which here become parts of one text, in the
// version that componentize-js 0.23 is made for.
const interfaces = "node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12";
async function wasi(name) {
  const wit = await readFile(`${interfaces}/wasi-${name}/package.wit`, "utf8");
  const nested = wit.replace(/^package (.*);$/m, "package $1 {") + "}\n";
  return nested.replaceAll("@0.2.12", "@0.2.10");
}
const names = [
  "io",
  "clocks",
  "random",
  "filesystem",
  "sockets",
  "cli",
  "http",
];
const world = `package example:hello;
world hello {
  export wasi:http/incoming-handler@0.2.10;
}
`;

const { component } = await componentize(await readFile("app.js", "utf8"), {
  witWorld: world + (await Promise.all(names.map(wasi))).join(""),
  worldName: "hello",
});
await mkdir("build", { recursive: true });
await writeFile("build/hello.wasm", component);
