import type { AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import { Metrics } from "../async/metrics.ts";
import { TaskGroup } from "../async/task_group.ts";
import { accessCheck, type AccessSettings } from "./access.ts";
import { kubeletApp } from "./app.ts";
import type { CertificateSource } from "./certificate_source.ts";
import type { ClientCaSource } from "./client_ca.ts";
import type { KubeApi, KubeletContext } from "./context.ts";
import { foreignClientCertificate } from "./serving_certificate.ts";
import { requestMetrics } from "./stats/request_metrics.ts";
import { streamingUpgrade } from "./streaming/upgrade.ts";
import {
  type FrontLimits,
  HttpFront,
  type HttpFrontOptions,
} from "./http_front.ts";
import { FreshIdentity } from "./tls_identity.ts";
import { canVerifyClients, listenTls } from "./tls_listener.ts";
import type { KeyPair } from "./tls_stream.ts";

/** Options of {@linkcode startKubeletServer}. */
export interface KubeletServerOptions extends AbortOptions {
  /** The address to listen on, such as `0.0.0.0`. */
  readonly hostname: string;
  /** 10250 as a rule; 0 for a free one. */
  readonly port: number;
  /** What the server shows at first. */
  readonly certificate: KeyPair;
  /** Brings later certificates, each for the clients that come after it. */
  readonly renewals?: CertificateSource["run"];
  /** Who may come in without being asked, and for how long answers are remembered. */
  readonly access?: AccessSettings;
  /** Milliseconds without a byte after which an exec, attach or port-forward ends; 4 h by default. */
  readonly streamingIdleMs?: number;
  /** Who signs clients' certificates; without it, bearer tokens are the only way in. */
  readonly clientCa?: ClientCaSource;
  /** Asked about tokens and permissions; without it nobody gets further than `/healthz`. */
  readonly client?: KubeApi;
  /** A directory that keeps the self-test's certificate. */
  readonly stateDirectory: string;
  readonly limits?: Partial<FrontLimits>;
  /** The version of Deno; the running one by default. */
  readonly runtimeVersion?: string;
}

/** The kubelet API, served until disposed of or aborted. */
export interface KubeletServer extends AsyncDisposable {
  readonly port: number;
  /** How many clients are connected now. */
  readonly connections: number;
  /** Whether clients are asked for certificates: a CA is given and the runtime is new enough. */
  readonly clientCertificates: boolean;
  /** Resolves when the server has stopped; rejects if something else than an abort stopped it. */
  finished(): Promise<void>;
}

const log = getLogger("kubelet");

/**
 * Serves the kubelet API over TLS.
 *
 * Rejects when the port or the certificate cannot be used, when a file with the client CA cannot
 * be read, and when the self-test finds that strangers would get in. The CA of a cluster that
 * cannot be reached yet is asked for again; until then no client certificate counts.
 */
export async function startKubeletServer(
  ctx: KubeletContext,
  options: KubeletServerOptions,
): Promise<KubeletServer> {
  const { client, clientCa, limits, renewals, signal, streamingIdleMs } =
    options;
  const version = options.runtimeVersion ?? Deno.version.deno;
  const identity = canVerifyClients(version)
    ? await FreshIdentity.load({
      serving: options.certificate,
      clientCa,
      client,
      foreign: await foreignClientCertificate(options.stateDirectory),
    }, { signal })
    : undefined;
  if (identity === undefined) warnAboutRuntime(version);

  await using scope = new AsyncDisposableStack();
  const stopped = new AbortController();
  const checkAccess = accessCheck({
    ...options.access,
    api: client,
    nodeName: ctx.nodeName,
    signal: AbortSignal.any([signal, stopped.signal]),
  });
  const app = kubeletApp(ctx, checkAccess);
  const { listener, accept, serve } = scope.use(listenTls({
    hostname: options.hostname,
    port: options.port,
    serving: options.certificate,
    identity,
  }));
  const front = new HttpFront({
    listener,
    handler: (request, origin) => app.fetch(request, origin),
    accept,
    onUpgrade: countedUpgrade(
      streamingUpgrade(ctx, checkAccess, {
        ...(streamingIdleMs !== undefined && { idleMs: streamingIdleMs }),
      }),
      ctx.metrics,
    ),
    ...(limits !== undefined && { limits }),
  });

  ctx.metrics?.gauge({
    name: "farlet_kubelet_connections",
    help: "Number of clients that are connected to the kubelet API",
  }, () => front.connections);

  // Stopped in the opposite order: first no more clients, then what answers them.
  const tasks = scope.use(new TaskGroup(signal));
  scope.defer(() => stopped.abort());
  tasks.spawn((signal) => front.run({ signal }));
  if (identity !== undefined) {
    tasks.spawn((signal) => identity.keepFresh({ signal }));
  }
  if (renewals !== undefined) {
    tasks.spawn((signal) =>
      renewals((pair) => serve(pair, { signal }), { signal })
    );
  }
  const running = scope.move();
  const { port } = listener.addr;
  log.info("Serving the kubelet API", { hostname: options.hostname, port });
  return {
    port,
    clientCertificates: identity !== undefined && clientCa !== undefined,
    get connections() {
      return front.connections;
    },
    finished: () => tasks.join(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

type Upgrade = NonNullable<HttpFrontOptions["onUpgrade"]>;

/** Counts upgrades as the app counts all other requests. */
function countedUpgrade(upgrade: Upgrade, metrics = new Metrics()): Upgrade {
  const requests = requestMetrics(metrics);
  return async (request, options) => {
    const { method, target } = request.head;
    const [path = ""] = target.split("?");
    using _ = requests.begin({ method, path });
    await upgrade(request, options);
  };
}

function warnAboutRuntime(version: string): void {
  log.warn(
    "This runtime cannot verify client certificates: the kubelet API takes bearer tokens only",
    { version, needed: "2.8.3" },
  );
}
