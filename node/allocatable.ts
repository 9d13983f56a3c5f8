import {
  bytes,
  cpuMillis,
  formatBytes,
  formatMillis,
} from "../k8s/quantity.ts";

/** Something of a node that pods do not get. */
export interface Reservation {
  readonly resource: "cpu" | "memory" | "ephemeral-storage";
  /** Thousandths of a core or bytes; or a share of all that there is. */
  readonly amount:
    | { readonly kind: "quantity"; readonly amount: number }
    | { readonly kind: "share"; readonly share: number };
}

/**
 * What pods get of a node, as `status.allocatable` says it: what it has, without what is reserved.
 * More than all cannot be reserved.
 *
 * @param capacity As `status.capacity`.
 */
export function allocatable(
  capacity: Readonly<Record<string, string>>,
  reserved: readonly Reservation[],
): Record<string, string> {
  const left = Object.entries(capacity).map(([resource, quantity]) => {
    const own = reserved.filter((each) => each.resource === resource);
    if (own.length === 0) return [resource, quantity];
    const isCpu = resource === "cpu";
    const all = isCpu ? cpuMillis(quantity) : bytes(quantity);
    const rest = own.reduce((rest, { amount }) => {
      return rest -
        (amount.kind === "quantity"
          ? amount.amount
          : Math.trunc(amount.share * all));
    }, all);
    const amount = Math.max(0, rest);
    return [resource, isCpu ? formatMillis(amount) : formatBytes(amount)];
  });
  return Object.fromEntries(left);
}
