import { messageOf } from "../../async/message_of.ts";
import type { Container, Pod } from "../../k8s/types.ts";
import type { Refusal } from "../provider.ts";
import {
  allowedHostsAnnotation,
  allowedHostsOf,
  parseAllowedHosts,
} from "./egress.ts";

/** What of a pod's network WASI guests cannot have: host ports other than TCP, servers that are none. */
export function networkRefusals({ metadata, spec }: Pod): readonly Refusal[] {
  const { containers = [], initContainers = [] } = spec ?? {};
  return [
    ...annotationRefusals(metadata?.annotations ?? {}),
    ...containers.flatMap((container, i) =>
      portRefusals(container, `spec.containers[${i}]`)
    ),
    ...initContainers.flatMap((container, i) =>
      portRefusals(container, `spec.initContainers[${i}]`)
    ),
  ];
}

function annotationRefusals(
  annotations: Readonly<Record<string, string>>,
): readonly Refusal[] {
  try {
    parseAllowedHosts(allowedHostsOf(annotations));
    return [];
  } catch (error) {
    const field = `metadata.annotations[${allowedHostsAnnotation}]`;
    return [{ field, message: messageOf(error) }];
  }
}

function portRefusals(
  { ports = [] }: Container,
  at: string,
): readonly Refusal[] {
  return ports.flatMap(({ hostPort, protocol = "TCP" }, i) => [
    ...(hostPort && protocol !== "TCP"
      ? [{
        field: `${at}.ports[${i}].hostPort`,
        message: `WASI guests listen on no ${protocol} ports`,
      }]
      : []),
  ]);
}
