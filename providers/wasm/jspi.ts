/** Lets a WebAssembly import suspend the guest while its promise is pending. */
export function suspending(
  call: (...args: never[]) => number | Promise<number>,
): WebAssembly.ImportValue {
  return new integration.Suspending(call);
}

/** Calls a guest's function whose imports may suspend it; resolves what it returns. */
export function promising(
  exported: WebAssembly.ExportValue | undefined,
): (...args: readonly unknown[]) => Promise<unknown> {
  if (typeof exported !== "function") {
    throw new TypeError("Cannot call what is no function");
  }
  return integration.promising(exported);
}

/**
 * JavaScript Promise Integration, which TypeScript's library does not know yet.
 * https://github.com/WebAssembly/js-promise-integration
 */
const integration = WebAssembly as unknown as {
  readonly Suspending: new (
    call: (...args: never[]) => number | Promise<number>,
  ) => WebAssembly.ImportValue;
  readonly promising: (
    exported: WebAssembly.ExportValue,
  ) => (...args: readonly unknown[]) => Promise<unknown>;
};
