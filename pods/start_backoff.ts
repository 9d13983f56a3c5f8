import { type Backoff, backoffDelay } from "../async/backoff.ts";
import type { WaitingReason } from "../providers/runtime.ts";
import type { StartFailure } from "./memory.ts";
import type { Waiting } from "./plan.ts";

/** The kubelet's `imageBackOffPeriod` and `MaxImageBackOff`. */
const pullBackoff: Backoff = { base: 10_000, cap: 300_000 };
/** The kubelet syncs a pod again 10 to 15 s after an error that has no backoff of its own. */
const errorBackoff: Backoff = { base: 10_000, cap: 15_000 };
/** How long a failed pull is shown as such before it is shown as backing off. */
const showPullError = 1_000;

/** Whether a container waits because its image could not be fetched. */
export function isPullFailure(reason: WaitingReason): boolean {
  return reason === "ErrImagePull" || reason === "SignatureValidationFailed";
}

/** Milliseconds from a failure to the next attempt to start the container. */
export function startWait({ failures, reason }: StartFailure): number {
  return backoffDelay(
    failures,
    isPullFailure(reason) ? pullBackoff : errorBackoff,
  );
}

/** Milliseconds from a failure until it is shown in other words; 0 where it never is. */
export function startShown({ reason }: StartFailure): number {
  return isPullFailure(reason) ? showPullError : 0;
}

/** What the kubelet shows of a container that could not be started, also while it tries again. */
export function startWaiting(
  { reason, message, at, image, volumeImage = image }: StartFailure,
  now: number,
): Waiting {
  if (!isPullFailure(reason) || now < at.getTime() + showPullError) {
    return { reason, message };
  }
  return {
    reason: "ImagePullBackOff",
    message: `Back-off pulling image "${volumeImage}": ${reason}: ${message}`,
  };
}
