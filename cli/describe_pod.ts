import type { Event, Pod, Volume } from "../k8s/types.ts";
import { containerLines } from "./describe_container.ts";
import {
  annotationLines,
  eventLines,
  indented,
  labelLines,
  type Lines,
  listLines,
  longTime,
} from "./describe_text.ts";
import { age } from "./human_time.ts";
import { alignTabs } from "./tab_writer.ts";

/** A pod in the words and the layout of `kubectl describe pod`. */
export function describePod(
  pod: Pod,
  events: readonly Event[],
  now: Date,
): string {
  const { metadata, spec, status } = pod;
  const fieldValue = (path: string) => field(pod, path);
  const lines = [
    `Name:\t${metadata?.name}`,
    `Namespace:\t${metadata?.namespace}`,
    ...optional("Priority", spec?.priority),
    ...optional("Priority Class Name", spec?.priorityClassName),
    ...optional("Runtime Class Name", spec?.runtimeClassName),
    ...optional("Service Account", spec?.serviceAccountName),
    spec?.nodeName
      ? `Node:\t${spec.nodeName}/${status?.hostIP ?? ""}`
      : "Node:\t<none>",
    ...optional("Start Time", longTime(status?.startTime)),
    ...labelLines("Labels", metadata?.labels),
    ...annotationLines(metadata?.annotations),
    ...statusLines(pod, now),
    ...optional("Reason", status?.reason),
    ...optional("Message", status?.message),
    `IP:\t${status?.podIP ?? ""}`,
    ...ipLines(pod),
    ...controllerLines(pod),
    ...(spec?.initContainers?.length
      ? containerLines(
        "Init Containers",
        spec.initContainers,
        status?.initContainerStatuses,
        fieldValue,
      )
      : []),
    ...containerLines(
      "Containers",
      spec?.containers ?? [],
      status?.containerStatuses,
      fieldValue,
    ),
    ...conditionLines(pod),
    ...volumeLines(spec?.volumes ?? []),
    `QoS Class:\t${status?.qosClass ?? qosClass(pod)}`,
    ...labelLines("Node-Selectors", spec?.nodeSelector),
    ...tolerationLines(pod),
    ...eventLines(events, now),
  ];
  return alignTabs(`${lines.join("\n")}\n`);
}

function optional(title: string, value: string | number | undefined): Lines {
  return value === undefined || value === "" ? [] : [`${title}:\t${value}`];
}

function statusLines({ metadata, status }: Pod, now: Date): Lines {
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata ?? {};
  const { phase = "" } = status ?? {};
  const ended = phase === "Failed" || phase === "Succeeded";
  if (deletionTimestamp === undefined || ended) return [`Status:\t${phase}`];
  return [
    `Status:\tTerminating (lasts ${age(deletionTimestamp, now)})`,
    `Termination Grace Period:\t${deletionGracePeriodSeconds ?? 0}s`,
  ];
}

function ipLines({ status }: Pod): Lines {
  const ips = (status?.podIPs ?? []).map(({ ip }) => `  IP:\t${ip}`);
  return ips.length === 0 ? ["IPs:\t<none>"] : ["IPs:", ...ips];
}

function controllerLines({ metadata }: Pod): Lines {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller);
  return owner === undefined
    ? []
    : [`Controlled By:\t${owner.kind}/${owner.name}`];
}

function conditionLines({ spec, status }: Pod): Lines {
  const conditions = status?.conditions ?? [];
  const rows = (pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([type, value]) => `  ${type} \t${value} `);
  const gates = (spec?.readinessGates ?? []).map(({ conditionType }) => {
    const found = conditions.find(({ type }) => type === conditionType);
    return [conditionType, found?.status ?? "<none>"] as const;
  });
  const told = conditions.map(({ type, status }) => [type, status] as const);
  return [
    ...(gates.length > 0
      ? ["Readiness Gates:", "  Type\tStatus", ...rows(gates)]
      : []),
    ...(told.length > 0
      ? ["Conditions:", "  Type\tStatus", ...rows(told)]
      : []),
  ];
}

function volumeLines(volumes: readonly Volume[]): Lines {
  if (volumes.length === 0) return ["Volumes:\t<none>"];
  const each = volumes.flatMap((volume) => [
    `${volume.name}:`,
    ...indented(sourceLines(volume)),
  ]);
  return ["Volumes:", ...indented(each)];
}

function sourceLines(
  { configMap, secret, emptyDir, hostPath, projected, downwardAPI }: Volume,
): Lines {
  if (configMap) {
    return [
      "Type:\tConfigMap (a volume populated by a ConfigMap)",
      `Name:\t${configMap.name}`,
      `Optional:\t${configMap.optional ?? false}`,
    ];
  }
  if (secret) {
    return [
      "Type:\tSecret (a volume populated by a Secret)",
      `SecretName:\t${secret.secretName}`,
      `Optional:\t${secret.optional ?? false}`,
    ];
  }
  if (emptyDir) {
    return [
      "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)",
      `Medium:\t${emptyDir.medium ?? ""}`,
      `SizeLimit:\t${emptyDir.sizeLimit ?? "<unset>"}`,
    ];
  }
  if (hostPath) {
    return [
      "Type:\tHostPath (bare host directory volume)",
      `Path:\t${hostPath.path}`,
      `HostPathType:\t${hostPath.type ?? ""}`,
    ];
  }
  if (downwardAPI) {
    return [
      "Type:\tDownwardAPI (a volume populated by information about the pod)",
      "Items:",
      ...indented(
        (downwardAPI.items ?? []).map(({ path, fieldRef }) =>
          `${fieldRef?.fieldPath ?? ""} -> ${path}`
        ),
      ),
    ];
  }
  if (projected) {
    return [
      "Type:\tProjected (a volume that contains injected data from multiple sources)",
      ...(projected.sources ?? []).flatMap(projectedLines),
    ];
  }
  return ["<unknown>"];
}

type ProjectedSource = NonNullable<
  NonNullable<Volume["projected"]>["sources"]
>[number];

function projectedLines(
  { secret, configMap, downwardAPI, serviceAccountToken }: ProjectedSource,
): Lines {
  if (secret) {
    return [
      `SecretName:\t${secret.name}`,
      `Optional:\t${secret.optional ?? false}`,
    ];
  }
  if (downwardAPI) return ["DownwardAPI:\ttrue"];
  if (configMap) {
    return [
      `ConfigMapName:\t${configMap.name}`,
      `Optional:\t${configMap.optional ?? false}`,
    ];
  }
  if (serviceAccountToken) {
    const { expirationSeconds } = serviceAccountToken;
    return [`TokenExpirationSeconds:\t${expirationSeconds}`];
  }
  return [];
}

function tolerationLines({ spec }: Pod): Lines {
  const texts = (spec?.tolerations ?? []).toSorted((a, b) =>
    (a.key ?? "") < (b.key ?? "") ? -1 : 1
  ).map(({ key = "", value, effect, operator, tolerationSeconds }) => {
    const about = [
      key,
      value ? `=${value}` : "",
      effect ? `:${effect}` : "",
    ].join("");
    const exists = operator === "Exists" && !value
      ? `${about === "" ? "" : " "}op=Exists`
      : "";
    const time = tolerationSeconds === undefined
      ? ""
      : ` for ${tolerationSeconds}s`;
    return `${about}${exists}${time}`;
  });
  return listLines("Tolerations", texts);
}

/** Without a cluster nobody has classed the pod. */
function qosClass({ spec }: Pod): string {
  const containers = [...spec?.initContainers ?? [], ...spec?.containers ?? []];
  const resources = containers.map(({ resources }) => resources ?? {});
  const none = resources.every(({ limits = {}, requests = {} }) =>
    Object.keys({ ...limits, ...requests }).length === 0
  );
  if (none) return "BestEffort";
  const guaranteed = resources.every(({ limits = {}, requests = {} }) =>
    ["cpu", "memory"].every((name) =>
      limits[name] !== undefined &&
      (requests[name] ?? limits[name]) === limits[name]
    )
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

/** What kubectl can know of a `fieldRef`. */
function field({ metadata, spec, status }: Pod, path: string): string {
  const [, map, key = ""] = /^metadata\.(labels|annotations)\['(.*)'\]$/
    .exec(path) ?? [];
  if (map === "labels") return metadata?.labels?.[key] ?? "";
  if (map === "annotations") return metadata?.annotations?.[key] ?? "";
  const known: Readonly<Record<string, string | undefined>> = {
    "metadata.name": metadata?.name,
    "metadata.namespace": metadata?.namespace,
    "metadata.uid": metadata?.uid,
    "spec.nodeName": spec?.nodeName,
    "spec.serviceAccountName": spec?.serviceAccountName,
    "status.hostIP": status?.hostIP,
    "status.podIP": status?.podIP,
  };
  return known[path] ?? "";
}
