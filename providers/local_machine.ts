import { type AbortOptions, untilAborted } from "../async/abort.ts";
import type { ScriptProcess } from "./logind.ts";
import { type WatchedMachine } from "./machine_watch.ts";

/** This machine. */
export const localMachine: WatchedMachine = {
  spawn: (script) => Promise.resolve(localScript(script)),
  connected: () => Promise.resolve(),
  lost: ({ signal }: AbortOptions) => untilAborted(signal),
};

/** A script that ends with its input: leaving its scope waits for that. */
function localScript(script: string): ScriptProcess {
  const process = new Deno.Command("sh", {
    args: ["-c", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { stdin, stdout, stderr } = process;
  return {
    stdin,
    stdout,
    stderr,
    async [Symbol.asyncDispose]() {
      await process.status;
    },
  };
}
