import type { AbortOptions } from "../async/abort.ts";
import type { ConditionSource } from "../providers/provider.ts";
import type { NodePressure } from "./node_pressure.ts";

/** What {@linkcode pressureConditions} reads. */
export interface PressureSource {
  pressures(): readonly NodePressure[];
  changes(options: AbortOptions): AsyncIterable<unknown>;
}

/** The kubelet's reasons, and what is said of a node with and without the pressure. */
const words = {
  MemoryPressure: {
    yes: "KubeletHasInsufficientMemory",
    no: "KubeletHasSufficientMemory",
    yesText: "farlet has insufficient memory available",
    noText: "farlet has sufficient memory available",
  },
  DiskPressure: {
    yes: "KubeletHasDiskPressure",
    no: "KubeletHasNoDiskPressure",
    yesText: "farlet has disk pressure",
    noText: "farlet has no disk pressure",
  },
  PIDPressure: {
    yes: "KubeletHasInsufficientPID",
    no: "KubeletHasSufficientPID",
    yesText: "farlet has insufficient PID available",
    noText: "farlet has sufficient PID available",
  },
} as const;

/** The three conditions of a Node that say what it is short of. */
export function pressureConditions(
  source: PressureSource,
): readonly ConditionSource[] {
  const kinds: readonly NodePressure[] = [
    "MemoryPressure",
    "DiskPressure",
    "PIDPressure",
  ];
  return kinds.map((type) => ({
    get condition() {
      const { yes, no, yesText, noText } = words[type];
      return source.pressures().includes(type)
        ? { type, status: "True", reason: yes, message: yesText }
        : { type, status: "False", reason: no, message: noText };
    },
    changes: (options) => source.changes(options),
  }));
}
