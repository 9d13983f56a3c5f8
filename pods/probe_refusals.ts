import type { Container, Pod } from "../k8s/types.ts";
import type { Refusal } from "../providers/provider.ts";
import { probeKinds, probeOf, type ProbeSpec } from "./probe.ts";
import type { ProbeRuntime } from "./probe_attempt.ts";

/** The probes of a pod that a runtime has no way to make. */
export function probeRefusals(
  { spec }: Pod,
  runtime: ProbeRuntime,
): readonly Refusal[] {
  const of = (list: "initContainers" | "containers") =>
    (spec?.[list] ?? []).flatMap((container, index) =>
      containerRefusals(container, `spec.${list}[${index}]`, runtime)
    );
  return [...of("initContainers"), ...of("containers")];
}

function containerRefusals(
  container: Container,
  at: string,
  runtime: ProbeRuntime,
): readonly Refusal[] {
  return probeKinds.flatMap((kind) => {
    const probe = probeOf(container, kind);
    return probe === undefined
      ? []
      : handlerRefusals(probe, `${at}.${kind}Probe`, runtime);
  });
}

function handlerRefusals(
  { exec, httpGet, tcpSocket, grpc }: ProbeSpec,
  at: string,
  runtime: ProbeRuntime,
): readonly Refusal[] {
  const handlers = { httpGet, tcpSocket, grpc };
  const refusals: Refusal[] = [];
  if (exec !== undefined && !runtime.exec) {
    const message = "this provider cannot run commands in containers";
    refusals.push({ field: `${at}.exec`, message });
  }
  for (const [name, handler] of Object.entries(handlers)) {
    if (handler === undefined) continue;
    if (!runtime.portForward) {
      const message = "this provider cannot connect to containers";
      refusals.push({ field: `${at}.${name}`, message });
    }
    const named = "host" in handler && (handler.host ?? "") !== "";
    if (named && !runtime.dial) {
      const message = "this provider connects to containers only";
      refusals.push({ field: `${at}.${name}.host`, message });
    }
  }
  return refusals;
}
