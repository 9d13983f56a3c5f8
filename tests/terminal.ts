/** Programs in a terminal of their own, as a person at it would use them. */
import assert from "node:assert/strict";
import { projectPath } from "./farlet.ts";

/** What a person at a terminal does; see terminal.py. */
export type Step =
  | readonly ["wait", string]
  | readonly ["type", string]
  | readonly ["resize", columns: number, rows: number]
  | readonly ["kill", Deno.Signal];

/** How a program at a terminal has ended. */
export interface TerminalResult {
  readonly screen: string;
  readonly code: number;
  /** Whether the terminal still made "\r\n" of "\n" when the first text was there. */
  readonly translated: boolean;
  /** Whether the terminal was as before in the end. */
  readonly restored: boolean;
}

/** Runs a program to its end. */
export async function runAtTerminal(
  command: readonly string[],
  steps: readonly Step[],
  env: Readonly<Record<string, string>>,
): Promise<TerminalResult> {
  const python = new Deno.Command("python3", {
    args: [
      projectPath("tests/terminal.py"),
      JSON.stringify(steps),
      ...command,
    ],
    env: { ...env },
    stdin: "null",
  });
  const { stdout, stderr } = await python.output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Why there can be no terminal, in one line; undefined if there can. */
export async function terminalMissing(): Promise<string | undefined> {
  if (Deno.build.os === "windows") return "needs terminals of Unix";
  try {
    await new Deno.Command("python3", { args: ["-c", "import pty"] }).output();
    return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "needs python3";
  }
}
