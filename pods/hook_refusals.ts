import type { Container, Pod } from "../k8s/types.ts";
import type { Refusal } from "../providers/provider.ts";
import { type HookHandler, hookOf, type HookRuntime } from "./hooks.ts";

/**
 * The hooks of a pod that a runtime has no way to run. A `tcpSocket`, which is of no use with any
 * kubelet, is not refused: it fails when it is to run.
 */
export function hookRefusals(
  { spec }: Pod,
  runtime: HookRuntime,
): readonly Refusal[] {
  const of = (list: "initContainers" | "containers") =>
    (spec?.[list] ?? []).flatMap((container, index) =>
      containerRefusals(container, `spec.${list}[${index}].lifecycle`, runtime)
    );
  return [...of("initContainers"), ...of("containers")];
}

function containerRefusals(
  container: Container,
  at: string,
  runtime: HookRuntime,
): readonly Refusal[] {
  return (["postStart", "preStop"] as const).flatMap((kind) => {
    const handler = hookOf(container, kind);
    const message = handler && refusal(handler, runtime);
    return message
      ? [{ field: `${at}.${kind}.${message[0]}`, message: message[1] }]
      : [];
  });
}

function refusal(
  { exec, httpGet }: HookHandler,
  runtime: HookRuntime,
): readonly [handler: string, message: string] | undefined {
  if (exec && !runtime.exec) {
    return ["exec", "this provider cannot run commands in containers"];
  }
  if (httpGet && !runtime.portForward && !runtime.dial) {
    return ["httpGet", "this provider cannot connect to containers"];
  }
  if (httpGet?.host && !runtime.dial) {
    return ["httpGet.host", "this provider connects to containers only"];
  }
  return undefined;
}
