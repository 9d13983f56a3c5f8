import type { AbortOptions } from "../async/abort.ts";
import type { Environment } from "../config_settings.ts";

/** What a command of the command line may use of its process. */
export interface CliContext extends AbortOptions {
  readonly env: Environment;
  /** Sets the exit code of the process; 0 unless called. */
  readonly exitWith: (code: number) => void;
}
