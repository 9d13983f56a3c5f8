import type { Pod, Taint } from "../k8s/types.ts";

type Toleration = NonNullable<NonNullable<Pod["spec"]>["tolerations"]>[number];

/** Whether the pod may run in spite of the taint, for however long. */
export function tolerates({ spec }: Pod, taint: Taint): boolean {
  return (spec?.tolerations ?? []).some((toleration) =>
    matches(toleration, taint)
  );
}

function matches(
  { key = "", operator = "Equal", value = "", effect = "" }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  switch (operator) {
    case "":
    case "Equal":
      return value === (taint.value ?? "");
    case "Exists":
      return true;
    default:
      // Comparisons are off in the API server unless its `TaintTolerationComparisonOperators` is on.
      return false;
  }
}
