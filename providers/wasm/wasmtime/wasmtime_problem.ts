import type { WasmtimeSpec } from "./wasmtime_arguments.ts";

/** What of a guest's specification wasmtime cannot honour, and why; undefined where it honours all. */
export function wasmtimeProblem(
  spec: WasmtimeSpec,
  { isRoot = Deno.uid() === 0 }: { readonly isRoot?: boolean } = {},
): string | undefined {
  const {
    entry,
    env,
    tty = false,
    preopens,
    exec = false,
    args,
    http,
    wasmtime,
  } = spec;
  const taken = Object.keys(env).filter(isEnginesOwn);
  if (taken.length > 0) {
    return `env ${
      taken.join(", ")
    }: wasmtime and its C library would take it for their own`;
  }
  if (entry !== undefined) {
    return `command "…#${entry}": wasmtime starts programs by their usual export`;
  }
  if (tty) return "tty: wasmtime gives guests no terminal";
  const path = preopens.map(({ guestPath }) => guestPath)
    .find((guestPath) => guestPath.includes("::"));
  if (path !== undefined) {
    return `volumeMounts "${path}": wasmtime takes no path with "::"`;
  }
  if (preopens.some(({ readOnly }) => readOnly) && !isRoot) {
    return "volumeMounts: wasmtime has no read-only directories, and only an agent that is root can mount one";
  }
  if ((http?.poolSize ?? 0) > 0) {
    return "poolSize: wasmtime itself decides how many idle instances it keeps";
  }
  const [own = ""] = args;
  if (wasmtime.kind !== "module" && own.includes("#")) {
    return `"${own}": wasmtime calls no other export of a component`;
  }
  const network = networkProblem(spec);
  if (network !== undefined) return network;
  if (!exec) return undefined;
  if (wasmtime.kind === "http") {
    return "exec: the component only answers HTTP requests";
  }
  const [name = ""] = args;
  if (wasmtime.returning?.includes(name)) {
    return `exec: wasmtime prints what export "${name}" returns instead of exiting with it`;
  }
  return undefined;
}

function networkProblem(
  { listeners = [], allowedHosts = [], names, user, wasmtime }: WasmtimeSpec,
): string | undefined {
  if (allowedHosts.length > 0) {
    const all = everywhere.every((entry) => allowedHosts.includes(entry));
    if (!all) {
      return `annotation farlet.dev/allowed-hosts: wasmtime allows either nothing or ${
        everywhere.join(" ")
      }`;
    }
    if (wasmtime.kind === "module") {
      return "annotation farlet.dev/allowed-hosts: wasmtime gives modules no sockets of their own";
    }
    const { hosts = [], servers = [], searches = [] } = names ?? {};
    if (hosts.length + servers.length + searches.length > 0) {
      return "hostAliases, dnsConfig: wasmtime looks names up as this machine does";
    }
  }
  if (wasmtime.kind === "command" && listeners.length > 0) {
    return "ports: wasmtime gives a component no listener without all of the network";
  }
  const ports = new Set(
    listeners.map(({ containerPort, port }) => containerPort ?? port),
  );
  if (listeners.length > ports.size) {
    return "ports: wasmtime listens on one address for each, so there can be no hostPort";
  }
  const low = listeners.find(({ port }) => port < firstUnprivilegedPort);
  if (low !== undefined && (user?.uid ?? Deno.uid()) !== 0) {
    return `ports: wasmtime listens as the guest's user, who may not on port ${low.port}`;
  }
  return undefined;
}

/** What allows the whole network, this machine's own servers among it. */
const everywhere = ["*", "0.0.0.0/0", "::/0"];

const firstUnprivilegedPort = 1024;

/**
 * Whether a variable means something to the program that wasmtime is, for which it must not come
 * from a pod: the dynamic linker would load what `LD_PRELOAD` names.
 */
function isEnginesOwn(name: string): boolean {
  return /^(LD|DYLD|GLIBC|MALLOC|WASMTIME|TOKIO|RAYON)_/.test(name) ||
    ["GCONV_PATH", "LOCPATH", "NLSPATH", "GETCONF_DIR"].includes(name);
}
