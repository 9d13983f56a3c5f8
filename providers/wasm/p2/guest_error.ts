/** The error of a WASI 0.2 function: what the guest gets as the `err` of its result. */
export class GuestError extends Error {
  override readonly name = "GuestError";
  /** What is in the `err`. */
  readonly payload: unknown;

  constructor(payload: unknown, options?: ErrorOptions) {
    super(`WASI error ${JSON.stringify(payload)}`, options);
    this.payload = payload;
  }
}

/** Throws a {@linkcode GuestError}: the name of an error code, or a variant. */
export function failWith(payload: unknown): never {
  throw new GuestError(payload);
}
