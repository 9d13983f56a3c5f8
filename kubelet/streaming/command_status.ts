import { messageOf } from "../../async/message_of.ts";
import type { Status } from "../../k8s/types.ts";

/** The status of a session that has done what was asked. */
export function succeeded(): Status {
  return { metadata: {}, status: "Success" };
}

/** The status of a command by its exit code, as cri-streaming's remotecommand/exec.go has it. */
export function exitStatus(code: number): Status {
  if (code === 0) return succeeded();
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: `${code}` }] },
  };
}

/** The status when `what` could not be done: "error executing command in container". */
export function internalError(what: string, error: unknown): Status {
  return {
    metadata: {},
    status: "Failure",
    message: `Internal error occurred: ${what}: ${messageOf(error)}`,
    reason: "InternalError",
    code: 500,
  };
}

/** What goes to a client's error channel: JSON since version 4, before that only a failure's text. */
export function statusBytes(
  status: Status,
  { json }: { readonly json: boolean },
): Uint8Array {
  const failure = status.status === "Success" ? "" : status.message ?? "";
  return new TextEncoder().encode(json ? JSON.stringify(status) : failure);
}
