import {
  type Config,
  configure,
  getJsonLinesFormatter,
  getLogger as getLogtapeLogger,
  getTextFormatter,
} from "@logtape/logtape";

/** What a log line may carry besides its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Writes log lines: a constant message and the data that goes with it.
 *
 * error = someone must act, warning = something is off and farlet copes, info = what an operator
 * wants to read once, debug = everything else.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** The levels of {@linkcode configureLogging}, quietest last. */
export const logLevels = ["debug", "info", "warning", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** The logger of one part of farlet. It is silent until {@linkcode configureLogging} was called. */
export function getLogger(part: string): Logger {
  return getLogtapeLogger(["farlet", part]);
}

/** Sends the log to stderr from `level` upwards: text for people, or JSON lines for programs. */
export async function configureLogging(
  { level, format }: {
    readonly level: LogLevel;
    readonly format: "text" | "json";
  },
): Promise<void> {
  const formatter = format === "json"
    ? getJsonLinesFormatter()
    : getTextFormatter({
      timestamp: "rfc3339",
      category: ".",
      level: "ABBR",
      format: ({ timestamp, level, category, message, record }) =>
        `${timestamp} ${level} ${category}: ${message}${
          textFields(record.properties)
        }`,
    });
  const config: Config<"stderr", string> = {
    reset: true,
    sinks: { stderr: stderrSink(formatter) },
    loggers: [
      { category: ["farlet"], lowestLevel: level, sinks: ["stderr"] },
      {
        category: ["logtape", "meta"],
        lowestLevel: "error",
        sinks: ["stderr"],
      },
    ],
  };
  await configure(config);
}

/** ` key=value` for each field: words bare, other text quoted, errors as their message. */
function textFields(fields: LogFields): string {
  return Object.entries(fields).map(([key, value]) =>
    ` ${key}=${textValue(value)}`
  ).join("");
}

function textValue(value: unknown): string {
  const text = value instanceof Error ? errorText(value) : value;
  if (typeof text === "string" && /^[\w./:@-]+$/.test(text)) return text;
  return JSON.stringify(text) ?? "undefined";
}

/** The messages of an error and of what caused it; the stack of a fault in farlet itself. */
function errorText(error: Error): string {
  const text = error instanceof TypeError || error instanceof ReferenceError
    ? error.stack ?? error.message
    : error.message;
  return error.cause instanceof Error && !text.includes(error.cause.message)
    ? `${text}: ${errorText(error.cause)}`
    : text;
}

function stderrSink(formatter: ReturnType<typeof getTextFormatter>) {
  const encoder = new TextEncoder();
  return (record: Parameters<typeof formatter>[0]) => {
    const line = encoder.encode(formatter(record));
    for (let written = 0; written < line.length;) {
      written += Deno.stderr.writeSync(line.subarray(written));
    }
  };
}
