import { join } from "node:path";
import { AgentProcess } from "./agent_process.ts";
import type { ControlPlane } from "./controlplane.ts";
import type { TestHost } from "./ssh_hosts.ts";

/** Options of {@linkcode SshAgent.open}. */
export interface SshAgentOptions {
  readonly cluster: ControlPlane;
  readonly hosts: readonly TestHost[];
  /** What runs farlet; the sources unless given. */
  readonly program?: readonly string[];
  /** Further fields of every node. */
  readonly node?: Readonly<Record<string, unknown>>;
  /** Further fields of every node's `ssh`. */
  readonly ssh?: Readonly<Record<string, unknown>>;
}

/**
 * `farlet serve` with a node for each host, named after it and open to every pod. It can be killed
 * and started again with the same state.
 */
export class SshAgent implements AsyncDisposable {
  readonly nodes: readonly string[];
  readonly #options: SshAgentOptions;
  readonly #dir: string;
  #process: AgentProcess;

  private constructor(
    options: SshAgentOptions,
    { dir, nodes }: { readonly dir: string; readonly nodes: readonly string[] },
  ) {
    this.nodes = nodes;
    this.#options = options;
    this.#dir = dir;
    this.#process = this.#run();
  }

  static async open(options: SshAgentOptions): Promise<SshAgent> {
    const dir = await Deno.makeTempDir({ prefix: "farlet-agent-" });
    const nodes = options.hosts.map((
      { name, address, keyFile, knownHosts },
    ) => ({
      name,
      provider: "ssh",
      ip: "127.0.0.1",
      taints: [],
      ...options.node,
      ssh: {
        host: address,
        user: "root",
        identityFile: keyFile,
        knownHostsFile: knownHosts,
        ...options.ssh,
      },
    }));
    // JSON is YAML.
    const document = {
      apiVersion: "farlet.dev/v1alpha1",
      kind: "AgentConfiguration",
      kubeconfig: options.cluster.kubeconfig,
      stateDir: join(dir, "state"),
      kubelet: { port: 0 },
      nodes,
    };
    await Deno.writeTextFile(join(dir, "a.yaml"), JSON.stringify(document));
    return new SshAgent(options, {
      dir,
      nodes: nodes.map(({ name }) => name),
    });
  }

  /** Of its local API. */
  get socket(): string {
    return join(this.#dir, "state", "agent.sock");
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** All that the running process has logged. */
  get stderr(): string {
    return this.#process.stderr;
  }

  /** Ends the process and resolves its exit code. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number> {
    return await this.#process.end(signal);
  }

  /** Starts it again. */
  start(): void {
    this.#process = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await Deno.remove(this.#dir, { recursive: true });
  }

  #run(): AgentProcess {
    const { program } = this.#options;
    return AgentProcess.run(
      ["serve", "--config", join(this.#dir, "a.yaml")],
      program === undefined ? {} : { program },
    );
  }
}
