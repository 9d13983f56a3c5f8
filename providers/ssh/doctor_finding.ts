import { messageOf } from "../../async/message_of.ts";

/** What one check of a host found. */
export interface Finding {
  /** Such as `host key`. */
  readonly check: string;
  /** `warn`: it can be a node, and something is amiss; `fail`: it cannot be one. */
  readonly verdict: "ok" | "warn" | "fail";
  /** What is there, for people. */
  readonly found: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** A finding that nothing is to be done about. */
export function ok(check: string, found: string): Finding {
  return { check, verdict: "ok", found };
}

/** A finding that something is amiss. */
export function warn(check: string, found: string, remedy?: string): Finding {
  return {
    ...{ check, verdict: "warn", found },
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** A finding that the host cannot be a node as it is. */
export function fail(check: string, found: string, remedy?: string): Finding {
  return { ...warn(check, found, remedy), verdict: "fail" };
}

/** What an error means for a check: the message of one that a person can mend ends in a remedy. */
export function failure(check: string, error: unknown): Finding {
  const message = messageOf(error).replace(/^Cannot connect to \S+: /, "");
  const [, found = message, remedy] =
    /^(.*)(?:; |: (?=do not ))(.*)$/s.exec(message) ?? [];
  return fail(check, found, remedy);
}

/** A size as people say it: `3.2 GiB`. */
export function sizeOf(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${size.toFixed(digits)} ${units[unit]}`;
}
