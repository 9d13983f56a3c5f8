/**
 * `deno task conformance [--focus RE2] [--skip RE2] [--procs N] [--dir DIR]`: Kubernetes' own node
 * conformance specs against a host that has only SSH and Podman. Exits 1 if a spec fails.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runSuite, suiteMissing } from "./kubernetes_suite.ts";

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      focus: { type: "string" },
      skip: { type: "string" },
      procs: { type: "string", default: "4" },
      dir: { type: "string", default: await Deno.makeTempDir() },
    },
  });
  const missing = suiteMissing();
  if (missing !== undefined) {
    show(Deno.stderr, `Cannot run the suite: ${missing}\n`);
    Deno.exit(2);
  }
  const interrupt = new AbortController();
  Deno.addSignalListener("SIGINT", () => interrupt.abort());
  const shows = Deno.stderr.isTerminal();
  const { passed, failed, seconds } = await runSuite({
    ...(values.focus !== undefined && { focus: values.focus }),
    ...(values.skip !== undefined && { skip: values.skip }),
    procs: Number(values.procs),
    dir: values.dir,
    signal: interrupt.signal,
    ...(shows &&
      { onProgress: (ended) => show(Deno.stderr, `\r${ended} specs ended`) }),
  });
  if (shows) show(Deno.stderr, "\r\x1b[K");
  for (const name of failed) print(`FAILED ${name}`);
  print(`See ${join(values.dir, "e2e.log")} and junit.xml`);
  print(
    `${passed} passed, ${failed.length} failed in ${Math.round(seconds)} s`,
  );
  Deno.exit(failed.length === 0 ? 0 : 1);
}

function print(line: string): void {
  show(Deno.stdout, `${line}\n`);
}

function show(to: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  to.writeSync(new TextEncoder().encode(text));
}
