/**
 * What the operator gave cannot be used; the message names the file, the field and the remedy.
 * The command line answers it with exit code 2 and without a stack trace.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
