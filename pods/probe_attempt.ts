import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { messageOf } from "../async/message_of.ts";
import type { Container } from "../k8s/types.ts";
import { UnreachableError } from "../providers/errors.ts";
import type { ContainerRuntime } from "../providers/runtime.ts";
import { expand } from "./expansion.ts";
import { checkGrpc } from "./grpc_health.ts";
import { type DialedPod, podDial } from "./pod_dial.ts";
import {
  addressText,
  containerPort,
  type Dial,
  dialServer,
  followingGet,
  httpGetRequest,
} from "./pod_http.ts";
import type { ProbeSpec } from "./probe.ts";
import { isUnreachable } from "./unreachable.ts";

/** What came of one attempt. */
export type Attempt =
  | { readonly kind: "success" }
  /** It counts as a success, and people are told. */
  | { readonly kind: "warning"; readonly output: string }
  | { readonly kind: "failure"; readonly output: string }
  /** It could not be made, or not to its end; it says nothing of the container. */
  | {
    readonly kind: "error";
    readonly state: "unknown" | "failure";
    readonly message: string;
  };

/** What a probe is made on. */
export interface ProbeTarget extends DialedPod {
  readonly container: Container;
}

/** What of a runtime probes use. */
export type ProbeRuntime = Pick<
  ContainerRuntime,
  "exec" | "portForward" | "dial" | "ping"
>;

/** As the kubelet's pkg/probe/exec. */
const maxOutputBytes = 10 * 1024;
/** How long the link may take to tell that it works, after a probe was not answered. */
const pingTimeout = 60_000;
/** As the kubelet's prober: how often one is made that cannot be made. */
const attempts = 3;

/**
 * Makes a probe, with the kubelet's words. Undefined when nobody knows what the container would
 * have said: its host cannot be reached. Fails only with the signal's reason.
 */
export async function attemptProbe(
  runtime: ProbeRuntime,
  probe: ProbeSpec,
  target: ProbeTarget,
  { signal }: AbortOptions,
): Promise<Attempt | undefined> {
  for (let made = 1;; made++) {
    try {
      const attempt = await attemptOnce(runtime, probe, target, { signal });
      if (attempt.kind === "error" && made < attempts) continue;
      return attempt;
    } catch (error) {
      signal.throwIfAborted();
      if (isUnreachable(error)) return undefined;
      if (made < attempts) continue;
      return { kind: "error", state: "unknown", message: messageOf(error) };
    }
  }
}

async function attemptOnce(
  runtime: ProbeRuntime,
  probe: ProbeSpec,
  target: ProbeTarget,
  { signal }: AbortOptions,
): Promise<Attempt> {
  const timeoutSeconds = probe.timeoutSeconds || 1;
  using deadline = new Deadline(timeoutSeconds * 1_000, { signal });
  const made = { runtime, target, timeoutSeconds, deadline, signal };
  const attempt = await attemptOf(probe, made);
  if (attempt.kind === "failure" && probe.exec === undefined) {
    // A link that has just broken looks like a container that says nothing.
    await confirmLink(runtime, { signal });
  }
  return attempt;
}

interface Making extends AbortOptions {
  readonly runtime: ProbeRuntime;
  readonly target: ProbeTarget;
  readonly timeoutSeconds: number;
  readonly deadline: Deadline;
}

function attemptOf(probe: ProbeSpec, making: Making): Promise<Attempt> {
  if (probe.exec) return execAttempt(probe.exec.command ?? [], making);
  if (probe.httpGet) return httpAttempt(probe.httpGet, making);
  if (probe.tcpSocket) return tcpAttempt(probe.tcpSocket, making);
  if (probe.grpc) return grpcAttempt(probe.grpc, making);
  throw new Error("missing probe handler");
}

async function execAttempt(
  command: readonly string[],
  { runtime, target, timeoutSeconds, deadline, signal }: Making,
): Promise<Attempt> {
  if (!runtime.exec) throw new Error("this node cannot run commands");
  const { container, podUid } = target;
  const output = new LimitedText(maxOutputBytes);
  const expanded = command.map((word) => expandStatic(word, container));
  try {
    const code = await runtime.exec(
      { podUid, container: container.name },
      expanded,
      {
        stdout: output.writable(),
        stderr: output.writable(),
        signal: deadline.signal,
      },
    );
    if (code === 0) return { kind: "success" };
    return { kind: "failure", output: output.text };
  } catch (error) {
    signal.throwIfAborted();
    if (!deadline.expired || isUnreachable(error)) throw error;
    await confirmLink(runtime, { signal });
    const words = JSON.stringify(expanded.join(" "));
    return {
      kind: "failure",
      output: `command timed out: ${words} timed out after ${
        goSeconds(timeoutSeconds)
      }`,
    };
  }
}

async function httpAttempt(
  action: NonNullable<ProbeSpec["httpGet"]>,
  { runtime, target, deadline, signal }: Making,
): Promise<Attempt> {
  const { container, podIp } = target;
  const request = httpGetRequest(action, { container, podIp, user: "probe" });
  const dial = podDial(runtime, target);
  try {
    const { status, body } = await followingGet(request, {
      dial,
      signal: deadline.signal,
    });
    if (status >= 400 || status < 200) {
      const output = `HTTP probe failed with statuscode: ${status}`;
      return { kind: "failure", output };
    }
    if (status < 300) return { kind: "success" };
    const output = `Probe terminated redirects, Response body: ${body}`;
    return { kind: "warning", output };
  } catch (error) {
    signal.throwIfAborted();
    if (isUnreachable(error)) throw error;
    if (!deadline.expired) return failure(messageOf(error));
    const { scheme, path } = request;
    return failure(
      `Get "${scheme}://${addressText(request)}${path}": ` +
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    );
  }
}

async function tcpAttempt(
  { host, port }: NonNullable<ProbeSpec["tcpSocket"]>,
  { runtime, target, deadline, signal }: Making,
): Promise<Attempt> {
  const address = {
    host: host === undefined || host === "" ? target.podIp : host,
    port: containerPort(port, target.container),
  };
  const dial: Dial = podDial(runtime, target);
  try {
    (await dialServer(dial, address, deadline)).destroy();
    return { kind: "success" };
  } catch (error) {
    signal.throwIfAborted();
    if (isUnreachable(error)) throw error;
    if (!deadline.expired) return failure(messageOf(error));
    return failure(`dial tcp ${addressText(address)}: i/o timeout`);
  }
}

async function grpcAttempt(
  { port, service }: NonNullable<ProbeSpec["grpc"]>,
  { runtime, target, timeoutSeconds, deadline, signal }: Making,
): Promise<Attempt> {
  const address = { host: target.podIp, port };
  const verdict = await checkGrpc(podDial(runtime, target), address, {
    service: service ?? "",
    deadline,
    timeoutMs: timeoutSeconds * 1_000,
    timeoutText: goSeconds(timeoutSeconds),
    signal,
  });
  return verdict === undefined ? { kind: "success" } : failure(verdict);
}

function failure(output: string): Attempt {
  return { kind: "failure", output };
}

/** Fails with an `UnreachableError` where the runtime does not answer. */
async function confirmLink(
  runtime: ProbeRuntime,
  { signal }: AbortOptions,
): Promise<void> {
  if (!runtime.ping) return;
  using deadline = new Deadline(pingTimeout, { signal });
  try {
    await runtime.ping(deadline);
  } catch (error) {
    signal.throwIfAborted();
    throw new UnreachableError(messageOf(error), { cause: error });
  }
}

/** As Go prints a duration: `5s`, `1m30s`, `1h0m0s`. */
function goSeconds(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds}s`;
  const rest = `${minutes % 60}m${seconds % 60}s`;
  return minutes < 60 ? rest : `${Math.floor(minutes / 60)}h${rest}`;
}

/** As `kubecontainer.ExpandContainerCommandOnlyStatic`: values that stand in the pod itself. */
function expandStatic(word: string, { env = [] }: Container): string {
  return expand(
    word,
    (name) => env.findLast((variable) => variable.name === name)?.value,
  );
}

/** Keeps the first bytes of what is written to any of its streams, and drops the rest. */
class LimitedText {
  readonly #decoder = new TextDecoder();
  #left: number;
  #text = "";

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  get text(): string {
    return this.#text;
  }

  writable(): WritableStream<Uint8Array> {
    return new WritableStream({
      write: (chunk) => {
        const kept = chunk.subarray(0, this.#left);
        this.#left -= kept.length;
        this.#text += this.#decoder.decode(kept, { stream: true });
      },
    });
  }
}
