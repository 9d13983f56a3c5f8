import * as z from "zod";
import { fields, not, text, wholeNumber } from "./config_fields.ts";
import { formatDuration, parseDuration } from "./k8s/duration.ts";
import {
  shutdownGraceMs,
  shutdownGroups,
  type ShutdownSettings,
} from "./pods/shutdown_steps.ts";

/** The fields of a node about the shutdown of its machine, as in a KubeletConfiguration. */
export function shutdownFields() {
  return {
    shutdownGracePeriod: gracePeriod().prefault("0s"),
    shutdownGracePeriodCriticalPods: gracePeriod().prefault("0s"),
    shutdownGracePeriodByPodPriority: z.array(
      fields({
        priority: wholeNumber("the priority of a pod", {
          min: -2_147_483_648,
          max: 2_147_483_647,
        }),
        shutdownGracePeriodSeconds: wholeNumber("a whole number of seconds", {
          min: 0,
        }),
      }),
      not("a list of priorities with their seconds"),
    ).default([]),
  };
}

/** What {@linkcode shutdownFields} read. */
export interface ShutdownFields {
  readonly shutdownGracePeriod: number;
  readonly shutdownGracePeriodCriticalPods: number;
  readonly shutdownGracePeriodByPodPriority: readonly {
    readonly priority: number;
    readonly shutdownGracePeriodSeconds: number;
  }[];
}

/** What is wrong with them together, and with which one. */
export function shutdownProblem(
  {
    shutdownGracePeriod: total,
    shutdownGracePeriodCriticalPods: critical,
    shutdownGracePeriodByPodPriority: byPriority,
  }: ShutdownFields,
):
  | { readonly field: keyof ShutdownFields; readonly message: string }
  | undefined {
  if (critical > total) {
    return {
      field: "shutdownGracePeriodCriticalPods",
      message: `expected at most shutdownGracePeriod (${
        formatDuration(total)
      }), of which it is a part, not ${formatDuration(critical)}`,
    };
  }
  if (byPriority.length === 0) return undefined;
  const field = "shutdownGracePeriodByPodPriority";
  if (total > 0) {
    return { field, message: "not together with shutdownGracePeriod" };
  }
  const priorities = new Set(byPriority.map(({ priority }) => priority));
  if (priorities.size === byPriority.length) return undefined;
  return { field, message: "expected every priority once" };
}

/** What pods get by these fields. */
export function shutdownSettings(
  {
    shutdownGracePeriod,
    shutdownGracePeriodCriticalPods,
    shutdownGracePeriodByPodPriority: byPriority,
  }: ShutdownFields,
): ShutdownSettings {
  if (byPriority.length === 0) {
    return {
      groups: shutdownGroups(
        shutdownGracePeriod,
        shutdownGracePeriodCriticalPods,
      ),
    };
  }
  return {
    groups: byPriority.map(({ priority, shutdownGracePeriodSeconds }) => ({
      priority,
      graceMs: shutdownGracePeriodSeconds * 1000,
    })),
  };
}

/** What `/configz` shows of it: times by priority, whatever they were given as. */
export function shutdownConfiguration(
  settings: ShutdownSettings | undefined,
): Readonly<Record<string, unknown>> {
  if (settings === undefined || shutdownGraceMs(settings) === 0) {
    return {
      shutdownGracePeriod: "0s",
      shutdownGracePeriodCriticalPods: "0s",
    };
  }
  return {
    shutdownGracePeriodByPodPriority: settings.groups.map((
      { priority, graceMs },
    ) => ({ priority, shutdownGracePeriodSeconds: graceMs / 1000 })),
  };
}

/** As the kubelet has it: no time, or a second at the least. */
function gracePeriod() {
  const expected = "a duration such as 30s, of at least 1s, or 0s for none";
  return text(expected).transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && (ms === 0 || ms >= 1000)) return ms;
    const message = `expected ${expected}, not ${JSON.stringify(text)}`;
    context.issues.push({ code: "custom", input: text, message });
    return z.NEVER;
  });
}
