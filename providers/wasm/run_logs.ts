import type { AbortOptions } from "../../async/abort.ts";
import { readLogFile } from "../log_reader.ts";
import type { LogOptions } from "../runtime.ts";
import { logPath, type Run } from "./run.ts";

/** The log of a container's newest run, or of the one before; see `ContainerRuntime.readLogs`. */
export function readRunLog(
  container: string,
  runs: readonly Run[],
  { previous, ...options }: LogOptions & AbortOptions,
): ReadableStream<Uint8Array> {
  const run = runs.at(previous ? -2 : -1);
  if (run === undefined) {
    const which = previous ? "previous run of container" : "container";
    return failed(
      new Deno.errors.NotFound(
        `Cannot read the log of ${which} "${container}": there is none`,
      ),
    );
  }
  const { log } = run;
  return readLogFile(
    logPath(run.dir),
    log === undefined ? options : { ...options, live: log },
  );
}

function failed(error: Error): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.error(error) });
}
