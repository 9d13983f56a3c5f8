import { readLogFile } from "../log_reader.ts";
import type { GuestEngine } from "./guest_engine.ts";
import type { GuestEnd } from "./guest_process.ts";
import { type GuestReport, reportExitCodes } from "./guest_spec.ts";
import { readRunnerFile } from "./runner_file.ts";

/** How a guest ended: as its runner reported, or else as the engine makes of its exit code and log. */
export async function explainEnd(
  engine: GuestEngine,
  end: GuestEnd,
  { report: reportPath, log }: {
    readonly report: string;
    readonly log: string;
  },
): Promise<{ readonly end: GuestEnd; readonly report?: GuestReport }> {
  const reported = await readRunnerFile<GuestReport>(reportPath);
  if (reported !== undefined) return { end, report: reported };
  const report = await engine.explain(end, () => lastErrors(log));
  if (report === undefined) return { end };
  return { end: { ...end, code: reportExitCodes[report.reason] }, report };
}

async function lastErrors(log: string): Promise<string> {
  const { signal } = new AbortController();
  const lines = readLogFile(log, {
    follow: false,
    timestamps: false,
    stream: "stderr",
    tailLines: 200,
    signal,
  });
  return await new Response(lines).text();
}
