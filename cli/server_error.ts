import type { Status } from "../k8s/types.ts";

/** The agent answered, and the answer is no; the message is what kubectl would print. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  /** The HTTP status. */
  readonly code: number;

  constructor(
    { code, reason, message }: {
      readonly code: number;
      readonly reason: string;
      readonly message: string;
    },
  ) {
    const about = reason === "" ? "" : ` (${reason})`;
    super(`Error from server${about}: ${message}`);
    this.code = code;
  }

  /** @param text The body: a Status, or prose. */
  static fromResponse(code: number, text: string): ServerError {
    const status = parseStatus(text);
    const reason = status?.reason ?? reasons[code] ?? "";
    const message = status?.message ?? text.trim();
    return new ServerError({ code, reason, message });
  }
}

/** As kubectl says it of an object that is not there. */
export function notFound(resource: string, name: string): ServerError {
  const message = `${resource} ${JSON.stringify(name)} not found`;
  return new ServerError({ code: 404, reason: "NotFound", message });
}

/** What the API server calls the statuses that a kubelet answers with. */
const reasons: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  501: "NotImplemented",
  503: "ServiceUnavailable",
  504: "Timeout",
};

function parseStatus(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isStatus(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // prose
    throw error;
  }
}

function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "kind" in value &&
    value.kind === "Status";
}
