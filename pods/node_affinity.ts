import type { Pod } from "../k8s/types.ts";

/** What of a node a pod can choose it by. */
export interface NodeIdentity {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

type Term = NonNullable<
  NonNullable<
    NonNullable<NonNullable<Pod["spec"]>["affinity"]>["nodeAffinity"]
  >["requiredDuringSchedulingIgnoredDuringExecution"]
>["nodeSelectorTerms"][number];
type Requirement = NonNullable<Term["matchExpressions"]>[number];

/** Whether the node is one that the pod may run on by its `nodeSelector` and required affinity. */
export function matchesNode(
  { spec }: Pod,
  { name, labels }: NodeIdentity,
): boolean {
  const selected = Object.entries(spec?.nodeSelector ?? {}).every((
    [key, value],
  ) => labels[key] === value);
  if (!selected) return false;
  const required = spec?.affinity?.nodeAffinity
    ?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  const fields = { "metadata.name": name };
  return required.nodeSelectorTerms.some((
    { matchExpressions = [], matchFields = [] },
  ) =>
    // An empty term selects nothing.
    matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((requirement) => holds(requirement, labels)) &&
    matchFields.every((requirement) => holds(requirement, fields))
  );
}

function holds(
  { key, operator, values = [] }: Requirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
    case "Lt": {
      const [limit = ""] = values;
      if (!isInteger(value) || !isInteger(limit)) return false;
      return operator === "Gt"
        ? BigInt(value) > BigInt(limit)
        : BigInt(value) < BigInt(limit);
    }
    default:
      // The API server lets no other operator pass.
      return false;
  }
}

function isInteger(text: string | undefined): text is string {
  return text !== undefined && /^[+-]?\d+$/.test(text);
}
