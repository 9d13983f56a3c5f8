/** What the API server says about a request that failed. */
export interface Status {
  readonly kind?: "Status";
  readonly message?: string;
  /** A CamelCase word: `NotFound`, `AlreadyExists`, `Conflict`, `Expired`. */
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
  };
}

/** The API server answered, and the answer is no. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** The HTTP status. */
  readonly code: number;
  /** A CamelCase word: `NotFound`, `AlreadyExists`, `Conflict`, `Expired`; empty if unknown. */
  readonly reason: string;
  /** Absent when something else than a Status came back, as from a proxy. */
  readonly status?: Status;

  /** @param action What was tried, as in `GET /api/v1/nodes`. */
  constructor(
    action: string,
    { code, reason, message, status }: {
      readonly code: number;
      readonly reason: string;
      readonly message: string;
      readonly status?: Status | undefined;
    },
  ) {
    const said = message === "" ? "" : `: ${message}`;
    super(`Cannot ${action}: ${[code, reason].join(" ").trim()}${said}`);
    this.code = code;
    this.reason = reason;
    if (status !== undefined) this.status = status;
  }

  /** @param object What an ERROR event of a watch carries. */
  static fromStatus(action: string, status: Status): ApiError {
    const { code = 500, reason = "", message = "" } = status;
    return new ApiError(action, { code, reason, message, status });
  }

  /** @param text The body of a response that is not ok; it need not be JSON. */
  static fromResponse(
    action: string,
    { status: code, statusText }: Response,
    text: string,
  ): ApiError {
    const status = parseStatus(text);
    const reason = status?.reason ?? statusText.replaceAll(" ", "");
    const message = status?.message ?? text.trim().slice(0, 500);
    return new ApiError(action, { code, reason, message, status });
  }
}

function parseStatus(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isStatus(value) ? value : undefined;
  } catch (error) {
    // A proxy or the server's own panic handler answers in prose.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "kind" in value &&
    value.kind === "Status";
}

/** No whole answer came: refused, cut, not trusted, or too late. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";

  /** @param server The API server's URL. */
  constructor(server: string, why: string, options?: ErrorOptions) {
    super(`Cannot reach the API server ${server}: ${why}`, options);
  }
}

/** Puts the reason why a connection failed into words. */
export function connectionFailure(error: unknown): string {
  const text = chain(error).join(": ");
  for (const [pattern, words] of failures) {
    if (pattern.test(text)) return words;
  }
  return text.replace(
    /^(?:fetch failed: )?error sending request for url \([^)]*\): /,
    "",
  );
}

const failures: readonly (readonly [RegExp, string])[] = [
  [/connection refused/i, "the connection was refused"],
  [/UnknownIssuer/, "its certificate is signed by an unknown authority"],
  [/NotValidForName/, "its certificate is for another name"],
  [/certificate.*expired|Expired/, "a certificate has expired"],
  [
    /CertificateRequired|BadCertificate|UnknownCA|CertificateUnknown/,
    "it does not accept the client certificate",
  ],
  [/dns error|failed to lookup/i, "its host name cannot be resolved"],
  [/network is unreachable/i, "the network is unreachable"],
  [/no route to host/i, "there is no route to it"],
  [
    /connection reset|connection closed|broken pipe|unexpected eof|error reading a body/i,
    "the connection was cut",
  ],
];

function chain(error: unknown): string[] {
  const texts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    texts.push(at.message);
  }
  return texts.length === 0 ? [String(error)] : texts;
}
