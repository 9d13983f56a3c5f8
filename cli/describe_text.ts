import type { Event, Taint } from "../k8s/types.ts";
import { age, humanDuration } from "./human_time.ts";

/** Lines with tabs between their columns, for `alignTabs()`. */
export type Lines = readonly string[];

/** Indents lines by one level. */
export function indented(lines: Lines): Lines {
  return lines.map((line) => `  ${line}`);
}

/** `key=value` pairs, one a line, in order; `<none>` without any. */
export function labelLines(
  title: string,
  labels: Readonly<Record<string, string>> = {},
): Lines {
  const pairs = Object.entries(labels).toSorted(byKey)
    .map(([key, value]) => `${key}=${value}`);
  return listLines(title, pairs);
}

/** Annotations, without kubectl's own copy of the object. */
export function annotationLines(
  annotations: Readonly<Record<string, string>> = {},
): Lines {
  const hidden = "kubectl.kubernetes.io/last-applied-configuration";
  const pairs = Object.entries(annotations).toSorted(byKey)
    .filter(([key]) => key !== hidden);
  const lines = pairs.flatMap(([key, value]) => {
    const text = value.replace(/\n$/, "");
    if (key.length + text.length + 2 <= maxAnnotation && !text.includes("\n")) {
      return [`${key}: ${text}`];
    }
    const parts = text.split("\n").map((part) => `  ${shortened(part)}`);
    return [`${key}:`, ...parts];
  });
  return listLines("Annotations", lines);
}

/** A title and its values below each other. */
export function listLines(title: string, values: Lines): Lines {
  const [first = "<none>", ...others] = values;
  return [`${title}:\t${first}`, ...others.map((value) => `\t${value}`)];
}

/** As `key=value:effect`. */
export function taintText({ key, value, effect }: Taint): string {
  const about = value ? `${key}=${value}` : key;
  return `${about}:${effect}`;
}

/** The table of Events at the end of a description. */
export function eventLines(events: readonly Event[], now: Date): Lines {
  if (events.length === 0) return ["Events:\t<none>"];
  const rows = events.map((event) => [
    event.type ?? "",
    event.reason ?? "",
    eventAge(event, now),
    event.source?.component || (event.reportingComponent ?? ""),
    eventMessage(event),
  ]);
  const heads = ["Type", "Reason", "Age", "From", "Message"];
  const rules = ["----", "------", "----", "----", "-------"];
  return [
    "Events:",
    ...[heads, rules, ...rows].map((row) => `  ${row.join("\t")}`),
  ];
}

/** A time as kubectl writes it: `Sun, 22 Nov 2026 23:02:06 +0000`. */
export function longTime(time: string | undefined): string {
  if (time === undefined) return "";
  const [, weekday, day, month, year, clock] =
    /^(\w+), (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(time).toUTCString()) ??
      [];
  return `${weekday}, ${day} ${month} ${year} ${clock} +0000`;
}

const maxAnnotation = 140;

function eventMessage({ involvedObject, message = "" }: Event): string {
  const { fieldPath } = involvedObject;
  return fieldPath ? `${fieldPath}: ${message.trim()}` : message.trim();
}

function shortened(text: string): string {
  const limit = maxAnnotation - 2;
  return text.length > limit ? `${text.slice(0, limit)}...` : text;
}

function eventAge(event: Event, now: Date): string {
  const first = event.firstTimestamp ?? event.eventTime;
  const count = event.series?.count ?? event.count ?? 1;
  if (count <= 1) return age(first, now);
  const last = event.series?.lastObservedTime ?? event.lastTimestamp;
  const over = first === undefined
    ? "<unknown>"
    : humanDuration(now.getTime() - new Date(first).getTime());
  return `${age(last, now)} (x${count} over ${over})`;
}

function byKey(
  [a]: readonly [string, unknown],
  [b]: readonly [string, unknown],
) {
  return a < b ? -1 : 1;
}
