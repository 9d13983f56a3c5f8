import type { GuestReport } from "./guest_spec.ts";

/** A guest cannot go on, for one of the reasons that the agent hears of. */
export class GuestFailure extends Error {
  override readonly name = "GuestFailure";
  readonly reason: GuestReport["reason"];

  constructor(
    reason: GuestReport["reason"],
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.reason = reason;
  }
}
