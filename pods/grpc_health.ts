import { abortable, type AbortOptions } from "../async/abort.ts";
import type { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { messageOf } from "../async/message_of.ts";
import type { ServerAddress } from "../providers/provider.ts";
import { type GrpcAnswer, GrpcConnection } from "./grpc_call.ts";
import { addressText, type Dial, dialServer } from "./pod_http.ts";
import { isUnreachable } from "./unreachable.ts";

/** Options for {@linkcode checkGrpc}. */
export interface GrpcCheckOptions extends AbortOptions {
  /** Which service is asked for; the whole server with "". */
  readonly service: string;
  /** When to give up, and how long that is for people: `1s`. */
  readonly deadline: Deadline;
  readonly timeoutMs: number;
  readonly timeoutText: string;
}

/** How long gRPC waits before it connects once more. */
const reconnectAfter = 1_000;
const userAgent = "kube-probe/1.37 grpc-go";
/** As google.golang.org/grpc/codes and grpc_health_v1 name them. */
const codes = [
  ...["OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded"],
  ...["NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted"],
  ...["FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented"],
  ...["Internal", "Unavailable", "DataLoss", "Unauthenticated"],
];
const deadlineExceeded = 4;
const unimplemented = 12;
const statuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const serving = 1;

/**
 * Asks a server for its health by `grpc.health.v1`: undefined when it serves, else why it counts
 * as failed, in the kubelet's words. Fails with an `UnreachableError`, or with the signal's reason.
 */
export async function checkGrpc(
  dial: Dial,
  address: ServerAddress,
  { service, deadline, timeoutMs, timeoutText, signal }: GrpcCheckOptions,
): Promise<string | undefined> {
  const authority = addressText(address);
  let connected = false;
  try {
    const connection = await connect(dial, address, deadline);
    connected = true;
    try {
      const answer = await abortable(
        connection.call({
          path: "/grpc.health.v1.Health/Check",
          authority,
          userAgent,
          timeoutMs,
          message: checkRequest(service),
        }),
        deadline,
      );
      return verdict(answer, timeoutText);
    } finally {
      connection.destroy();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (isUnreachable(error)) throw error;
    if (deadline.expired) {
      return connected
        ? `timeout: health rpc did not complete within ${timeoutText}`
        : `timeout: failed to connect service "${authority}" within ${timeoutText}: context deadline exceeded`;
    }
    return `error: health rpc probe failed: rpc error: code = Unavailable desc = ${
      messageOf(error)
    }`;
  }
}

/** Connects, as often as it takes, until the deadline. */
async function connect(
  dial: Dial,
  address: ServerAddress,
  deadline: Deadline,
): Promise<GrpcConnection> {
  for (;;) {
    try {
      return await connectOnce(dial, address, deadline);
    } catch (error) {
      if (deadline.signal.aborted || isUnreachable(error)) throw error;
      await delay(reconnectAfter, deadline);
    }
  }
}

async function connectOnce(
  dial: Dial,
  address: ServerAddress,
  { signal }: AbortOptions,
): Promise<GrpcConnection> {
  const stream = await dialServer(dial, address, { signal });
  const connection = new GrpcConnection(stream);
  try {
    await abortable(connection.connect(), { signal });
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

function verdict(answer: GrpcAnswer, timeout: string): string | undefined {
  if (answer.kind === "message") {
    const status = servingStatus(answer.message);
    if (status === serving) return undefined;
    const name = statuses[status] ?? String(status);
    return `service unhealthy (responded with "${name}")`;
  }
  const { code, message } = answer;
  if (code === unimplemented) {
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`;
  }
  if (code === deadlineExceeded) {
    return `timeout: health rpc did not complete within ${timeout}`;
  }
  const name = codes[code] ?? `Code(${code})`;
  return `error: health rpc probe failed: rpc error: code = ${name} desc = ${message}`;
}

/** `HealthCheckRequest`: the service is the first field. */
function checkRequest(service: string): Uint8Array {
  if (service === "") return new Uint8Array();
  const name = new TextEncoder().encode(service);
  const length: number[] = [];
  for (let rest = name.length;; rest >>>= 7) {
    length.push(rest >= 128 ? rest & 127 | 128 : rest);
    if (rest < 128) break;
  }
  return Uint8Array.from([0x0a, ...length, ...name]);
}

/** `HealthCheckResponse`: the status is the first field, absent where it is 0. */
function servingStatus(message: Uint8Array): number {
  return message[0] === 0x08 ? message[1] ?? 0 : 0;
}
