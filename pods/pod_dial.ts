import type { ContainerRuntime } from "../providers/runtime.ts";
import { addressText, type Dial } from "./pod_http.ts";

/** Which pod {@linkcode podDial} is for. */
export interface DialedPod {
  readonly podUid: string;
  readonly podIp: string;
  /** Whether the address is the pod's own and not the node's; false unless given. */
  readonly hasOwnIp?: boolean;
}

/**
 * How probes and hooks of a pod reach servers: the pod itself wherever it is, and other hosts as
 * the node reaches them, as with a kubelet.
 *
 * A server that listens on the pod's 127.0.0.1 only is not there for a kubelet; it is found only
 * where nothing at all can be told of the pod's address, as with engines that run without root.
 */
export function podDial(
  runtime: Pick<ContainerRuntime, "portForward" | "dial">,
  { podUid, podIp, hasOwnIp = false }: DialedPod,
): Dial {
  return async (address, options) => {
    const isPod = address.host === podIp && runtime.portForward !== undefined;
    if (runtime.dial && !(isPod && !hasOwnIp)) {
      try {
        return await runtime.dial(address, options);
      } catch (error) {
        if (!isPod || options.signal.aborted || isAnswer(error)) throw error;
      }
    }
    if (isPod && runtime.portForward) {
      return await runtime.portForward(podUid, address.port, options);
    }
    throw new Error(
      `this node cannot connect to ${addressText(address)}, only to the pod`,
    );
  };
}

/** Whether the pod itself has refused, or nobody knows. */
function isAnswer(error: unknown): boolean {
  if (error instanceof Deno.errors.ConnectionRefused) {
    return error.message.endsWith("Connection refused");
  }
  return !(error instanceof Deno.errors.PermissionDenied);
}
