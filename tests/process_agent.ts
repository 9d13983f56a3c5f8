/**
 * An agent whose containers are processes of this machine, for what needs real programs in them:
 * `tar`, `sh`. Takes the flags of `farlet serve` that `AgentProcess` gives.
 */
import { parseArgs } from "node:util";
import { agentConfigSchema, configHeader } from "../config_schema.ts";
import { createProcessProvider } from "../examples/process_provider.ts";
import { configureLogging, loadCredentials, startAgent } from "../mod.ts";

const { values } = parseArgs({
  args: Deno.args.slice(1), // without "serve"
  options: {
    "kubeconfig": { type: "string", default: "" },
    "node-name": { type: "string", default: "" },
    "node-ip": { type: "string", default: "" },
    "state-dir": { type: "string", default: "" },
    "kubelet-port": { type: "string", default: "0" },
    "provider": { type: "string" },
  },
});
const stateDir = values["state-dir"];
const { kubelet } = agentConfigSchema({
  baseDir: stateDir,
  defaultStateDir: stateDir,
}).parse({
  ...configHeader,
  kubelet: { address: "127.0.0.1", port: Number(values["kubelet-port"]) },
  nodes: [{ name: values["node-name"] }],
});
await configureLogging({ level: "info", format: "text" });
const stop = new AbortController();
Deno.addSignalListener("SIGTERM", () => stop.abort());
await using provider = createProcessProvider({
  os: "linux",
  arch: "amd64",
  hostname: "here",
  osImage: "",
  kernelVersion: "",
  runtimeVersion: "process://1",
  machineId: "",
  bootId: "",
  cpuMillis: 1_000_000,
  memoryBytes: 1024 ** 4,
  ephemeralStorageBytes: 1024 ** 4,
  pods: 10_000,
  instanceType: "process",
});
await startAgent({
  credentials: await loadCredentials({
    kubeconfig: values.kubeconfig,
    env: {},
  }),
  nodes: [{
    name: values["node-name"],
    provider,
    ip: values["node-ip"],
    labels: {},
    taints: [],
  }],
  kubelet,
  stateDir,
}, { signal: stop.signal });
