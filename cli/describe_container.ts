import type {
  Container,
  ContainerState,
  ContainerStatus,
  EnvVar,
} from "../k8s/types.ts";
import { indented, type Lines, longTime } from "./describe_text.ts";

/** Finds the value of a `fieldRef`; empty when it is not known. */
export type FieldValue = (path: string) => string;

/** The section of some containers of a pod, as `kubectl describe pod` writes it. */
export function containerLines(
  title: string,
  containers: readonly Container[],
  statuses: readonly ContainerStatus[] = [],
  fieldValue: FieldValue,
): Lines {
  const each = containers.flatMap((container) => {
    const status = statuses.find(({ name }) => name === container.name);
    return [
      `${container.name}:`,
      ...indented(oneContainer(container, status, fieldValue)),
    ];
  });
  return [`${title}:`, ...indented(each)];
}

function oneContainer(
  container: Container,
  status: ContainerStatus | undefined,
  fieldValue: FieldValue,
): Lines {
  const { command, args, resources } = container;
  return [
    ...(status ? [`Container ID:\t${status.containerID ?? ""}`] : []),
    `Image:\t${container.image}`,
    ...(status ? [`Image ID:\t${status.imageID}`] : []),
    ...portLines(container),
    ...words("Command", command),
    ...words("Args", args),
    ...(status ? stateLines(status) : []),
    ...quantities("Limits", resources?.limits),
    ...quantities("Requests", resources?.requests),
    ...envFromLines(container),
    ...envLines(container.env ?? [], fieldValue),
    ...mountLines(container),
  ];
}

function portLines({ ports = [] }: Container): Lines {
  const several = ports.length > 1 ? "s" : "";
  const of = (port: (at: number) => number) =>
    ports.map(({ protocol = "TCP" }, at) => `${port(at)}/${protocol}`)
      .join(", ") || "<none>";
  return [
    `Port${several}:\t${of((at) => ports[at]?.containerPort ?? 0)}`,
    `Host Port${several}:\t${of((at) => ports[at]?.hostPort ?? 0)}`,
  ];
}

function words(title: string, values: readonly string[] = []): Lines {
  if (values.length === 0) return [];
  const lines = values.flatMap((value) => value.split("\n"));
  return [`${title}:`, ...indented(lines)];
}

function stateLines(
  { state, lastState, ready, restartCount }: ContainerStatus,
): Lines {
  return [
    ...oneState("State", state),
    ...(lastState?.terminated ? oneState("Last State", lastState) : []),
    `Ready:\t${ready ? "True" : "False"}`,
    `Restart Count:\t${restartCount}`,
  ];
}

function oneState(title: string, state: ContainerState = {}): Lines {
  const { running, waiting, terminated } = state;
  if (running) {
    const started = `Started:\t${longTime(running.startedAt)}`;
    return [`${title}:\tRunning`, ...indented([started])];
  }
  if (terminated) {
    const { reason, message, exitCode, signal } = terminated;
    return [
      `${title}:\tTerminated`,
      ...indented([
        ...(reason ? [`Reason:\t${reason}`] : []),
        ...(message ? [`Message:\t${message}`] : []),
        `Exit Code:\t${exitCode}`,
        ...(signal ? [`Signal:\t${signal}`] : []),
        `Started:\t${longTime(terminated.startedAt)}`,
        `Finished:\t${longTime(terminated.finishedAt)}`,
      ]),
    ];
  }
  const { reason } = waiting ?? {};
  return [
    `${title}:\tWaiting`,
    ...indented(reason ? [`Reason:\t${reason}`] : []),
  ];
}

function quantities(
  title: string,
  values: Readonly<Record<string, string>> = {},
): Lines {
  const lines = Object.entries(values).toSorted().map(([name, value]) =>
    `${name}:\t${value}`
  );
  return lines.length === 0 ? [] : [`${title}:`, ...indented(lines)];
}

function envFromLines({ envFrom = [] }: Container): Lines {
  if (envFrom.length === 0) return [];
  const lines = envFrom.map(({ configMapRef, secretRef, prefix }) => {
    const kind = configMapRef ? "ConfigMap" : "Secret";
    const { name = "", optional = false } = configMapRef ?? secretRef ?? {};
    const as = prefix ? ` with prefix '${prefix}'` : "";
    return `${name}\t${kind}${as}\tOptional: ${optional}`;
  });
  return ["Environment Variables from:", ...indented(lines)];
}

function envLines(env: readonly EnvVar[], fieldValue: FieldValue): Lines {
  if (env.length === 0) return ["Environment:\t<none>"];
  return [
    "Environment:",
    ...indented(env.flatMap((variable) => variableLines(variable, fieldValue))),
  ];
}

function variableLines(
  { name, value = "", valueFrom }: EnvVar,
  fieldValue: FieldValue,
): Lines {
  if (valueFrom === undefined) {
    const [first = "", ...others] = value.split("\n");
    return [`${name}:\t${first}`, ...others.map((line) => `\t${line}`)];
  }
  const { fieldRef, resourceFieldRef, secretKeyRef, configMapKeyRef } =
    valueFrom;
  if (fieldRef) {
    const { apiVersion = "v1", fieldPath } = fieldRef;
    return [`${name}:\t${fieldValue(fieldPath)} (${apiVersion}:${fieldPath})`];
  }
  if (resourceFieldRef) {
    return [`${name}:\t (${resourceFieldRef.resource})`];
  }
  const { key = "", name: source = "", optional = false } = secretKeyRef ??
    configMapKeyRef ?? {};
  const from = secretKeyRef
    ? `in secret '${source}'`
    : `of config map '${source}'`;
  return [
    `${name}:\t<set to the key '${key}' ${from}>\tOptional: ${optional}`,
  ];
}

function mountLines({ volumeMounts = [] }: Container): Lines {
  if (volumeMounts.length === 0) return ["Mounts:\t<none>"];
  const lines = volumeMounts.map(({ mountPath, name, readOnly, subPath }) => {
    const flags = [
      readOnly ? "ro" : "rw",
      ...(subPath ? [`path="${subPath}"`] : []),
    ];
    return `${mountPath} from ${name} (${flags.join(",")})`;
  });
  return ["Mounts:", ...indented(lines.toSorted())];
}
