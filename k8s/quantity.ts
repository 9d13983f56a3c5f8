/**
 * Quantities as in `500m`, `1Gi`, `1e3`; the grammar is that of
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */

/**
 * The number that a quantity means, in base units (cores, bytes).
 *
 * @throws {SyntaxError} If `text` is no quantity.
 * @throws {RangeError} If it is beyond what a quantity can hold.
 */
export function parseQuantity(text: string): number {
  const { digits, tens, twos } = parse(text);
  return Number(`${digits}e${tens}`) * 2 ** twos;
}

/** Thousandths of a core, rounded up as Kubernetes does: `0.5` is 500. Throws as {@linkcode parseQuantity}. */
export function cpuMillis(text: string): number {
  const { digits, tens, twos } = parse(text);
  return roundUp({ digits, tens: tens + 3, twos });
}

/** Whole bytes, rounded up as Kubernetes does: `1Ki` is 1024. Throws as {@linkcode parseQuantity}. */
export function bytes(text: string): number {
  return roundUp(parse(text));
}

/** Bytes in the largest binary unit that is exact: `1Gi`, `1536Mi`, `1000`. */
export function formatBytes(bytes: number): string {
  const units = ["", "Ki", "Mi", "Gi", "Ti", "Pi"] as const;
  let unit = 0;
  let value = bytes;
  while (value !== 0 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value}${units[unit]}`;
}

/** Thousandths of a core: `1500m`; whole cores without unit: `2`. */
export function formatMillis(millis: number): string {
  return millis % 1000 === 0 ? `${millis / 1000}` : `${millis}m`;
}

/** `digits × 10^tens × 2^twos`: exact, however long the text is. */
interface Exact {
  readonly digits: bigint;
  readonly tens: number;
  readonly twos: number;
}

const grammar =
  /^(?<sign>[+-]?)(?:(?<whole>\d+)(?:\.(?<part>\d*))?|\.(?<only>\d+))(?:(?<unit>[KMGTPE]i|[numkMGTPE])|[eE](?<exponent>[+-]?\d+))?$/;

const decimalUnits: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

const binaryUnits: Readonly<Record<string, number>> = {
  Ki: 10,
  Mi: 20,
  Gi: 30,
  Ti: 40,
  Pi: 50,
  Ei: 60,
};

function parse(text: string): Exact {
  const groups = grammar.exec(text)?.groups;
  if (groups === undefined) {
    throw new SyntaxError(
      `Cannot read quantity "${text}": expected a number and a unit, as in "500m" or "1Gi"`,
    );
  }
  const { sign, whole = "", part = groups["only"] ?? "", unit = "" } = groups;
  const exponent = Number(groups["exponent"] ?? 0);
  // A quantity is at most 2^63 and at least 10^-9; this only keeps nonsense from costing memory.
  if (Math.abs(exponent) > 100 || text.length > 200) {
    throw new RangeError(`Cannot read quantity "${text}": out of range`);
  }
  return {
    digits: BigInt(`${whole}${part}`) * (sign === "-" ? -1n : 1n),
    tens: exponent + (decimalUnits[unit] ?? 0) - part.length,
    twos: binaryUnits[unit] ?? 0,
  };
}

function roundUp({ digits, tens, twos }: Exact): number {
  const scaled = digits * 2n ** BigInt(twos);
  if (tens >= 0) return Number(scaled * 10n ** BigInt(tens));
  const divisor = 10n ** BigInt(-tens);
  const quotient = scaled / divisor;
  const more = scaled > 0n && scaled % divisor !== 0n;
  return Number(more ? quotient + 1n : quotient);
}
