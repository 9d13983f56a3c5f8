import type { Event } from "../k8s/types.ts";
import { age } from "./human_time.ts";
import type { TableKind } from "./table.ts";

/** The columns of `kubectl get events`. */
export const eventTable: TableKind<Event> = {
  headers: ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"],
  row(event, now) {
    return [
      lastSeen(event, now),
      event.type ?? "",
      event.reason ?? "",
      target(event),
      (event.message ?? "").trim(),
    ];
  },
};

/** The columns of `kubectl get events -o wide`. */
export const wideEventTable: TableKind<Event> = {
  headers: [
    "LAST SEEN",
    "TYPE",
    "REASON",
    "OBJECT",
    "SUBOBJECT",
    "SOURCE",
    "MESSAGE",
    "FIRST SEEN",
    "COUNT",
    "NAME",
  ],
  row(event, now) {
    return [
      lastSeen(event, now),
      event.type ?? "",
      event.reason ?? "",
      target(event),
      event.involvedObject.fieldPath ?? "",
      eventSource(event),
      (event.message ?? "").trim(),
      firstSeen(event, now),
      `${event.series?.count ?? (event.count || 1)}`,
      event.metadata?.name ?? "",
    ];
  },
};

/** Who says it: `farlet, edge-1`. */
export function eventSource(event: Event): string {
  const component = event.source?.component || event.reportingComponent;
  const instance = event.source?.host || event.reportingInstance;
  return [component, instance].filter((part) => part).join(", ");
}

function lastSeen(event: Event, now: Date): string {
  const time = event.series?.lastObservedTime ?? event.lastTimestamp;
  return time === undefined ? firstSeen(event, now) : age(time, now);
}

function firstSeen({ firstTimestamp, eventTime }: Event, now: Date): string {
  return age(firstTimestamp ?? eventTime, now);
}

function target({ involvedObject: { kind = "", name } }: Event): string {
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
}
