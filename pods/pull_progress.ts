import type { PullProgress } from "../providers/runtime.ts";

/** How often a pull that goes on is told of, in milliseconds. */
const interval = 15_000;

/**
 * Takes the progress of a pull that begins now, and tells of it at most every 15 s:
 * `Pulling image "a": 34 MiB of 120 MiB`.
 *
 * @param now Milliseconds of a clock that only goes forward.
 */
export function pullReports(
  image: string,
  tell: (message: string) => void,
  now: () => number = () => performance.now(),
): (progress: PullProgress) => void {
  let toldAt = now();
  return ({ doneBytes, totalBytes }) => {
    if (now() - toldAt < interval) return;
    toldAt = now();
    const total = totalBytes > 0 ? ` of ${mebibytes(totalBytes)}` : "";
    tell(`Pulling image "${image}": ${mebibytes(doneBytes)}${total}`);
  };
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
