import type { NodeConfig, SshConfig } from "./config_node.ts";
import type { Environment, LocalProviderName } from "./config_settings.ts";
import type { Provider, ServerAddress } from "./providers/provider.ts";
import type { ContainerRuntime } from "./providers/runtime.ts";
import type { TargetContext } from "./providers/ssh/transport/resolve_target.ts";
import { parseUserIds } from "./providers/wasm/user_ids.ts";
import { version } from "./version.ts";

/** What a provider is told of its node; each uses what concerns it. */
export type ProviderConfig =
  & Pick<
    NodeConfig,
    "name" | "provider" | "maxPods" | "wasm" | "ssh"
  >
  & Partial<Pick<NodeConfig, "allowedUnsafeSysctls">>;

/** What the providers of one process have in common. */
export interface ProviderContext {
  /** An absolute path; the provider that runs on this machine keeps its pods there. */
  readonly stateDir: string;
  readonly env: Environment;
  /** The API server, for pods that cannot reach it by themselves; none without a cluster. */
  readonly apiServer?: ServerAddress;
  /** Asked for the passphrases of SSH keys that are not known otherwise; nobody unless given. */
  readonly askPassphrase?: NonNullable<TargetContext["askPassphrase"]>;
}

/** Makes providers as the configuration of their nodes says; only the code of those used is loaded. */
export async function createProviders(
  nodes: readonly ProviderConfig[],
  context: ProviderContext,
): Promise<
  & AsyncDisposable
  & {
    readonly providers: readonly (Provider & {
      readonly runtime: ContainerRuntime;
    })[];
  }
> {
  await using stack = new AsyncDisposableStack();
  const ssh = nodes.some(({ provider }) => provider === "ssh")
    ? await sshProviders(context)
    : undefined;
  const providers = [];
  for (const node of nodes) {
    providers.push(stack.use(await createProvider(node, context, ssh)));
  }
  const kept = stack.move();
  return {
    providers,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

type SshProviders = Awaited<ReturnType<typeof sshProviders>>;

async function createProvider(
  { name, provider, maxPods, wasm, ssh, ...node }: ProviderConfig,
  { stateDir, env }: ProviderContext,
  sshProviders: SshProviders | undefined,
): Promise<Provider & { readonly runtime: ContainerRuntime }> {
  const limit = maxPods === undefined ? {} : { maxPods };
  if (provider !== "ssh") {
    return await createLocalProvider(provider, {
      ...{ stateDir, env, ...wasm, spareRunners: nodeSpareRunners },
      ...limit,
    });
  }
  if (ssh === undefined || sshProviders === undefined) {
    throw new TypeError(`Cannot make node "${name}": it has no host`);
  }
  const { allowedUnsafeSysctls = [] } = node;
  return await sshProviders({
    ...{ nodeName: name, ssh, allowedUnsafeSysctls },
    ...limit,
  });
}

/** For a pod of two containers, or two pods at once; some 15 MB of memory each. */
const nodeSpareRunners = 2;

/** Makes a provider that runs containers on this machine, by its name. */
export async function createLocalProvider(
  name: LocalProviderName,
  {
    stateDir,
    env,
    allowLocalModules,
    insecureRegistries,
    podCIDR,
    localAddresses = false,
    userIDs,
    engine,
    wasmtime,
    spareRunners = 0,
    ...limit
  }: {
    /** An absolute path. */
    readonly stateDir: string;
    readonly env: Environment;
    /** Directories below which `file:` images may lie. */
    readonly allowLocalModules: readonly string[];
    /** Registries that may do without TLS; none by default. */
    readonly insecureRegistries?: readonly string[];
    /** The addresses that pods get; some that nobody else has unless given. */
    readonly podCIDR?: string;
    /** Whether only this machine has to reach pods; false unless given. */
    readonly localAddresses?: boolean;
    /** The users that pods become, such as `65536-131071`, which is also the default. */
    readonly userIDs?: string;
    /** What runs the modules; `v8` unless given. */
    readonly engine?: "v8" | "wasmtime";
    /** Path of the wasmtime program; unless given, the one on the `PATH`. */
    readonly wasmtime?: string;
    /** How many processes wait for the next containers; none unless given. */
    readonly spareRunners?: number;
    readonly maxPods?: number;
  },
): Promise<Provider & { readonly runtime: ContainerRuntime }> {
  switch (name) {
    case "memory": {
      const memory = await import("./providers/memory/provider.ts");
      return memory.createMemoryProvider(limit);
    }
    case "wasm": {
      const wasm = await import("./providers/wasm/provider.ts");
      const userIds = userIDs === undefined ? undefined : parseUserIds(userIDs);
      return await wasm.createWasmProvider({
        ...{ stateDir, env, allowLocalModules, version, ...limit },
        ...(insecureRegistries && { insecureRegistries }),
        ...(podCIDR === undefined ? {} : { podCIDR }),
        ...(userIds === undefined ? {} : { userIds }),
        ...{ localAddresses, spareRunners },
        ...(engine === "wasmtime" && { wasmtime: wasmtime ?? "wasmtime" }),
      });
    }
  }
}

/** Hosts that share what limits how fast they are connected to. */
async function sshProviders(
  { env, apiServer, askPassphrase }: ProviderContext,
) {
  const { DialLimit } = await import("./providers/ssh/transport/dial_limit.ts");
  const { SshProvider } = await import("./providers/ssh/provider.ts");
  const { connectHost } = await import("./providers/ssh/transport/ssh_host.ts");
  const { resolveTarget } = await import(
    "./providers/ssh/transport/resolve_target.ts"
  );
  const dialLimit = new DialLimit();
  return async (
    { nodeName, ssh, maxPods, allowedUnsafeSysctls }: {
      readonly nodeName: string;
      readonly ssh: SshConfig;
      readonly maxPods?: number;
      readonly allowedUnsafeSysctls: readonly string[];
    },
  ) => {
    const { engineSocket, rootDir, tunnel, ...settings } = ssh;
    const target = await resolveTarget(settings, {
      env,
      ...(askPassphrase === undefined ? {} : { askPassphrase }),
    });
    const { signal } = new AbortController(); // Disposing of the provider ends it.
    return await SshProvider.open({
      nodeName,
      allowedUnsafeSysctls,
      host: connectHost(target, { dialLimit, signal }),
      ...(engineSocket === undefined ? {} : { engineSocket }),
      ...(rootDir === undefined ? {} : { root: rootDir }),
      ...(maxPods === undefined ? {} : { maxPods }),
      ...(apiServer === undefined ? {} : { apiServer }),
      tunnel,
    });
  };
}
