import type { Service } from "../k8s/types.ts";
import type { ServerAddress } from "../providers/provider.ts";

/**
 * The Services that a pod gets variables for: `kubernetes` of the namespace `default` always, and
 * those of its own namespace if it wants service links. Of two with one name its own counts.
 */
export function linkedServices(
  services: readonly Service[],
  { namespace, enableServiceLinks }: {
    readonly namespace: string;
    readonly enableServiceLinks: boolean;
  },
): readonly Service[] {
  const withAddress = services.filter(hasAddress);
  const master = withAddress.filter(isApiServer);
  const own = withAddress.filter(({ metadata }) =>
    enableServiceLinks && metadata?.namespace === namespace
  );
  const byName = new Map(
    [...master, ...own].map((service) => [service.metadata?.name, service]),
  );
  return [...byName.values()];
}

/** The Services with that address in place of the API server's own. */
export function withApiServer(
  services: readonly Service[],
  { host, port }: ServerAddress,
): readonly Service[] {
  const others = services.filter((service) => !isApiServer(service));
  return [...others, {
    metadata: { namespace: "default", name: "kubernetes" },
    spec: { clusterIP: host, ports: [{ name: "https", port }] },
  }];
}

/**
 * The environment variables that tell where `services` are: `X_SERVICE_HOST`,
 * `X_SERVICE_PORT[_NAME]`, and those of Docker's links, `X_PORT` and `X_PORT_n_PROTO…`.
 *
 * Sorted by the names of the Services. Those without an address (headless, external) are left out.
 */
export function serviceVariables(
  services: readonly Service[],
): ReadonlyMap<string, string> {
  const named = services.filter(hasAddress)
    .map((service) => [service.metadata?.name ?? "", service] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return new Map(named.flatMap(([name, service]) => variables(name, service)));
}

function variables(
  name: string,
  { spec }: Service,
): readonly (readonly [string, string])[] {
  const prefix = variableName(name);
  const host = spec?.clusterIP ?? "";
  const ports = spec?.ports ?? [];
  const first = ports[0];
  return [
    [`${prefix}_SERVICE_HOST`, host],
    ...(first === undefined ? [] : [
      [`${prefix}_SERVICE_PORT`, String(first.port)],
      [`${prefix}_PORT`, url(host, first)],
    ] as const),
    ...ports.flatMap(({ name, ...port }) => {
      const protocol = port.protocol ?? "TCP";
      const link = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
      const number = String(port.port);
      return [
        ...(name
          ? [[`${prefix}_SERVICE_PORT_${variableName(name)}`, number] as const]
          : []),
        [link, url(host, port)],
        [`${link}_PROTO`, protocol.toLowerCase()],
        [`${link}_PORT`, number],
        [`${link}_ADDR`, host],
      ] as const;
    }),
  ];
}

/** Whether it is the Service of the API server: `kubernetes` of `default`. */
export function isApiServer({ metadata }: Service): boolean {
  return metadata?.namespace === "default" && metadata.name === "kubernetes";
}

function hasAddress({ spec }: Service): boolean {
  return !["", "None"].includes(spec?.clusterIP ?? "");
}

function url(
  host: string,
  { protocol = "TCP", port }: {
    readonly protocol?: string;
    readonly port: number;
  },
): string {
  const address = host.includes(":") ? `[${host}]` : host;
  return `${protocol.toLowerCase()}://${address}:${port}`;
}

function variableName(name: string): string {
  return name.replaceAll("-", "_").toUpperCase();
}
