/**
 * A real Kubernetes control plane on loopback, for tests: the only file that knows where its
 * binaries are. `FARLET_TEST_REQUIRE=all` makes a missing one a failure instead of an ignored test.
 */
import { join } from "node:path";
import { delay } from "../async/delay.ts";
import { KubeClient } from "../k8s/client.ts";
import { loadCredentials } from "../k8s/kubeconfig.ts";
import { writePki } from "./control_plane_pki.ts";

/** Options for {@linkcode startControlPlane}. */
export interface ControlPlaneOptions {
  /**
   * Also runs the controller manager and the scheduler. Without them pods need no service account,
   * and nobody else touches an object.
   */
  readonly controllers?: boolean;
  /** A local address besides 127.0.0.1 at which remote hosts reach the API server. */
  readonly address?: string;
}

/** Why there is no control plane to test against, in one line; undefined if there is. */
export function controlPlaneMissing(
  { controllers = false }: ControlPlaneOptions = {},
): string | undefined {
  const missing = whatIsMissing(controllers);
  if (missing !== undefined && Deno.env.get("FARLET_TEST_REQUIRE") === "all") {
    throw new Error(`FARLET_TEST_REQUIRE=all: ${missing}`);
  }
  return missing;
}

/** Starts a control plane in a fresh folder; it is gone when the scope is left. */
export async function startControlPlane(
  { controllers = false, address = "127.0.0.1" }: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const bin = await findBinaries(controllers);
  const dir = await Deno.makeTempDir({ prefix: "farlet-controlplane-" });
  const ports = freePorts(5);
  const controlPlane = new ControlPlane({
    bin,
    dir,
    address,
    controllers,
    ports,
  });
  try {
    await controlPlane.start();
    return controlPlane;
  } catch (error) {
    await controlPlane[Symbol.asyncDispose]();
    throw error;
  }
}

interface Layout {
  readonly bin: string;
  readonly dir: string;
  readonly address: string;
  readonly controllers: boolean;
  /** Of the API server, of etcd and its peers, of controller manager and scheduler. */
  readonly ports: readonly number[];
}

/** The processes, and what tests do with them. */
export class ControlPlane implements AsyncDisposable {
  readonly #layout: Layout;
  readonly #processes = new Map<string, Deno.ChildProcess>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** The folder with `admin.kubeconfig`, `pki/` and the logs. */
  get dir(): string {
    return this.#layout.dir;
  }

  /** The folder with kubectl. */
  get bin(): string {
    return this.#layout.bin;
  }

  /** The kubeconfig of an administrator. */
  get kubeconfig(): string {
    return join(this.dir, "admin.kubeconfig");
  }

  /** The API server's URL. */
  get server(): string {
    return `https://${this.#layout.address}:${this.#layout.ports[0]}`;
  }

  /** A client of an administrator; the caller disposes of it. */
  async client(): Promise<KubeClient> {
    const { kubeconfig } = this;
    return new KubeClient(await loadCredentials({ kubeconfig, env: {} }));
  }

  /** kubectl with its arguments, for tests that need its streams, its exit code or other settings. */
  kubectlCommand(args: readonly string[]): {
    readonly command: readonly [program: string, ...args: string[]];
    readonly env: Readonly<Record<string, string>>;
  } {
    return {
      command: [join(this.#layout.bin, "kubectl"), ...args],
      env: { KUBECONFIG: this.kubeconfig, HOME: this.dir },
    };
  }

  /** Runs kubectl and returns its output; throws what it says on stderr if it fails. */
  async kubectl(
    args: readonly string[],
    { stdin }: { readonly stdin?: string } = {},
  ): Promise<string> {
    const { command: [program, ...rest], env } = this.kubectlCommand(args);
    const child = new Deno.Command(program, {
      args: rest,
      env,
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (stdin !== undefined) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(stdin));
      await writer.close();
    }
    const { success, stdout, stderr } = await child.output();
    if (success) return new TextDecoder().decode(stdout);
    const why = new TextDecoder().decode(stderr).trim();
    throw new Error(`Cannot run kubectl ${args.join(" ")}: ${why}`);
  }

  async start(): Promise<void> {
    const { dir, address, controllers } = this.#layout;
    await writePki(dir, {
      server: this.server,
      addresses: [...new Set([address, "127.0.0.1", "10.0.0.1"])],
    });
    this.#spawn("etcd", etcdArgs(this.#layout));
    await this.startApiServer();
    if (!controllers) return;
    this.#spawn("kube-controller-manager", controllerArgs(this.#layout));
    this.#spawn("kube-scheduler", schedulerArgs(this.#layout));
    await waitFor(
      "the default service account",
      () => this.kubectl(["get", "serviceaccount", "default"]),
    );
  }

  /** Starts the API server (again), on the same port; resolves when it is ready. */
  async startApiServer(): Promise<void> {
    const { dir } = this.#layout;
    this.#spawn("kube-apiserver", apiServerArgs(this.#layout));
    await waitFor("the API server", async () => {
      if (!this.#processes.has("kube-apiserver")) {
        const log = await Deno.readTextFile(join(dir, "kube-apiserver.log"));
        throw new GaveUp(`The API server has ended:\n${log.slice(-2000)}`);
      }
      await this.kubectl(["get", "--raw", "/readyz"]);
    });
  }

  /** Kills the API server at once, as a power cut does. */
  async stopApiServer(): Promise<void> {
    await this.#stop("kube-apiserver", "SIGKILL");
  }

  /** Lets the API server end as on an upgrade: it ends watches and refuses what is new. */
  async endApiServer(): Promise<void> {
    await this.#stop("kube-apiserver", "SIGTERM");
  }

  /** Freezes the API server: connections stay open, nothing answers. */
  pauseApiServer(): void {
    this.#processes.get("kube-apiserver")?.kill("SIGSTOP");
  }

  resumeApiServer(): void {
    this.#processes.get("kube-apiserver")?.kill("SIGCONT");
  }

  /**
   * Forgets all history: watches from any older resource version are answered by 410 as soon as
   * the API server's own cache is gone, that is after it was restarted.
   */
  async compact(): Promise<void> {
    const etcd = `http://127.0.0.1:${this.#layout.ports[1]}/v3/kv`;
    const range = await postJson(`${etcd}/range`, { key: btoa("/") });
    await postJson(`${etcd}/compaction`, {
      revision: range.header.revision,
      physical: true,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resumeApiServer();
    for (const name of [...this.#processes.keys()].reverse()) {
      await this.#stop(name, "SIGKILL");
    }
    await Deno.remove(this.dir, { recursive: true });
  }

  #spawn(name: string, args: readonly string[]): void {
    const { bin, dir } = this.#layout;
    const process = new Deno.Command("sh", {
      args: [
        "-c",
        'log=$1; shift; exec "$@" >>"$log" 2>&1',
        "sh",
        `${name}.log`,
        join(bin, name),
        ...args,
      ],
      cwd: dir,
      stdin: "null",
    }).spawn();
    this.#processes.set(name, process);
    process.status.finally(() => {
      if (this.#processes.get(name) === process) this.#processes.delete(name);
    });
  }

  async #stop(name: string, signal: Deno.Signal): Promise<void> {
    const process = this.#processes.get(name);
    if (process === undefined) return;
    process.kill(signal);
    await process.status;
  }
}

function etcdArgs({ ports: [, client, peer] }: Layout): string[] {
  const clients = `http://127.0.0.1:${client}`;
  const peers = `http://127.0.0.1:${peer}`;
  return [
    "--data-dir=etcd",
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    "--unsafe-no-fsync",
  ];
}

function apiServerArgs(
  { address, controllers, ports: [port, etcd] }: Layout,
): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    `--bind-address=${address === "127.0.0.1" ? address : "0.0.0.0"}`,
    `--advertise-address=${address}`,
    `--secure-port=${port}`,
    "--tls-cert-file=pki/apiserver.crt",
    "--tls-private-key-file=pki/apiserver.key",
    "--client-ca-file=pki/ca.crt",
    "--kubelet-client-certificate=pki/kubelet-client.crt",
    "--kubelet-client-key=pki/kubelet-client.key",
    "--kubelet-preferred-address-types=InternalIP,Hostname",
    "--service-account-issuer=https://kubernetes.default.svc",
    "--service-account-key-file=pki/sa.pub",
    "--service-account-signing-key-file=pki/sa.key",
    "--service-cluster-ip-range=10.0.0.0/16",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    ...(controllers ? [] : ["--disable-admission-plugins=ServiceAccount"]),
    "--enable-bootstrap-token-auth",
    "--allow-privileged",
    "--endpoint-reconciler-type=none",
  ];
}

function controllerArgs({ ports }: Layout): string[] {
  return [
    "--kubeconfig=kcm.kubeconfig",
    "--bind-address=127.0.0.1",
    `--secure-port=${ports[3]}`,
    "--leader-elect=false",
    "--service-account-private-key-file=pki/sa.key",
    "--root-ca-file=pki/ca.crt",
    "--cluster-signing-cert-file=pki/ca.crt",
    "--cluster-signing-key-file=pki/ca.key",
    "--use-service-account-credentials",
    "--controllers=*,bootstrapsigner,tokencleaner",
  ];
}

function schedulerArgs({ ports }: Layout): string[] {
  return [
    "--kubeconfig=scheduler.kubeconfig",
    "--authentication-kubeconfig=scheduler.kubeconfig",
    "--authorization-kubeconfig=scheduler.kubeconfig",
    "--bind-address=127.0.0.1",
    `--secure-port=${ports[4]}`,
    "--leader-elect=false",
  ];
}

/** The script beside which the binaries are packed; it is not part of this project. */
const script = "controlplane";

function testbed(): string | undefined {
  const named = Deno.env.get("FARLET_TESTBED");
  const places = [
    ...(named === undefined ? [] : [named]),
    join(import.meta.dirname ?? ".", "../../shared/testbed"),
  ];
  return places.find((place) => isFile(join(place, script)));
}

function whatIsMissing(controllers: boolean): string | undefined {
  const assets = Deno.env.get("KUBEBUILDER_ASSETS");
  if (assets !== undefined) {
    const binaries = ["etcd", "kube-apiserver", "kubectl"];
    if (controllers) binaries.push("kube-controller-manager", "kube-scheduler");
    const missing = binaries.filter((name) => !isFile(join(assets, name)));
    if (missing.length === 0) return undefined;
    return `KUBEBUILDER_ASSETS has no ${missing.join(", ")}`;
  }
  if (testbed() !== undefined) return undefined;
  return "no control plane: set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl";
}

async function findBinaries(controllers: boolean): Promise<string> {
  const missing = controlPlaneMissing({ controllers });
  if (missing !== undefined) throw new Error(missing);
  const assets = Deno.env.get("KUBEBUILDER_ASSETS");
  if (assets !== undefined) return assets;
  const { success, stdout, stderr } = await new Deno.Command(
    join(testbed() ?? "", script),
    { args: ["bin"] },
  ).output();
  if (success) return new TextDecoder().decode(stdout).trim();
  throw new Error(`Cannot unpack: ${new TextDecoder().decode(stderr)}`);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  return listeners.map((listener) => {
    listener.close();
    return listener.addr.port;
  });
}

class GaveUp extends Error {}

/** Tries until it no longer throws; after 60 s, throws what it threw last. */
async function waitFor(
  what: string,
  attempt: () => Promise<unknown>,
): Promise<void> {
  const { signal } = new AbortController();
  const end = Date.now() + 60_000;
  while (true) {
    try {
      await attempt();
      return;
    } catch (cause) {
      if (cause instanceof GaveUp) throw cause;
      if (Date.now() > end) {
        throw new Error(`Cannot wait any longer for ${what}`, { cause });
      }
      await delay(200, { signal });
    }
  }
}

async function postJson(
  url: string,
  body: unknown,
): Promise<{ readonly header: { readonly revision: string } }> {
  const response = await fetch(url, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot post to ${url}: ${text}`);
  return JSON.parse(text);
}
