/** A registry does not give what was asked for. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  /** Whether other credentials could change that. */
  readonly refused: boolean;

  constructor(
    message: string,
    { refused = false, ...options }: ErrorOptions & {
      readonly refused?: boolean;
    } = {},
  ) {
    super(message, options);
    this.refused = refused;
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
