/** A registry does not give what was asked for. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  /** Whether other credentials could change that. */
  readonly refused: boolean;
  /** Whether it may be different in a moment: a connection was cut, or a server is overloaded. */
  readonly transient: boolean;

  constructor(
    message: string,
    { refused = false, transient = false, ...options }: ErrorOptions & {
      readonly refused?: boolean;
      readonly transient?: boolean;
    } = {},
  ) {
    super(message, options);
    this.refused = refused;
    this.transient = transient;
  }
}

/** What a registry says in the body of an error; empty where it says nothing of use. */
export function registryMessage(body: string): string {
  try {
    const [first] = JSON.parse(body).errors;
    const { code, message } = first;
    const known = [code, message].filter((part) =>
      typeof part === "string" && part !== ""
    );
    return known.join(": ").slice(0, 300);
  } catch {
    return ""; // A proxy's page, or nothing.
  }
}
