import { parseArgs } from "node:util";
import type { Pod } from "../../k8s/types.ts";
import { startKubeletServer } from "../../kubelet/server.ts";
import { readLogFile } from "../../providers/log_reader.ts";

/**
 * The kubelet API of a node with one container, whose log is a file: a process of its own, so that
 * its memory can be measured. Prints its port; everybody with a certificate may read.
 */
const { values } = parseArgs({
  options: {
    log: { type: "string", default: "" },
    state: { type: "string", default: "" },
    certificate: { type: "string", default: "" },
    key: { type: "string", default: "" },
    ca: { type: "string", default: "" },
  },
});
const pod: Pod = {
  metadata: { namespace: "default", name: "web", uid: "u1" },
  spec: { containers: [{ name: "app" }] },
  status: {
    containerStatuses: [{
      ...{ name: "app", image: "i:1", imageID: "", ready: true },
      restartCount: 0,
      containerID: "x://1",
      state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
    }],
  },
};
const stop = new AbortController();
const { signal } = stop;
Deno.addSignalListener("SIGTERM", () => stop.abort());
await using server = await startKubeletServer({
  nodeName: "bench",
  backend: {
    readLogs: (_, { previous: _previous, ...options }) =>
      readLogFile(values.log, options),
  },
  pods: () => [pod],
  findPod: () => pod,
}, {
  ...{ hostname: "127.0.0.1", port: 0, signal },
  stateDirectory: values.state,
  certificate: {
    certificate: await Deno.readTextFile(values.certificate),
    privateKey: await Deno.readTextFile(values.key),
  },
  clientCa: { kind: "file", path: values.ca },
  client: {
    get: () => Promise.resolve(undefined),
    create: <T>() => Promise.resolve({ status: { allowed: true } } as T),
  },
});
Deno.stdout.writeSync(new TextEncoder().encode(`${server.port}\n`));
await server.finished();
