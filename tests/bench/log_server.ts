import { parseArgs } from "node:util";
import { startKubeletServer } from "../../kubelet/server.ts";
import { readLogFile } from "../../providers/log_reader.ts";
import { runningPod } from "../../kubelet/test_pod.ts";

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
const stop = new AbortController();
const { signal } = stop;
Deno.addSignalListener("SIGTERM", () => stop.abort());
await using server = await startKubeletServer({
  nodeName: "bench",
  backend: {
    readLogs: (_, { previous: _previous, ...options }) =>
      readLogFile(values.log, options),
  },
  pods: () => [runningPod],
  findPod: () => runningPod,
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
