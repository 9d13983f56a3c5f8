import assert from "node:assert/strict";
import type { Container, Pod, PodSpec } from "../k8s/types.ts";
import {
  AgentProcess,
  type AgentProcessOptions,
  eventually,
  guestModuleImage,
} from "./agent_process.ts";
import { apply, get, phase } from "./cluster_pods.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  startControlPlane,
} from "./controlplane.ts";
import { needing } from "./needing.ts";
import { PortForward } from "./kubectl_port_forward.ts";

/** One cluster with one agent, which the steps use one after the other. */
interface Stage {
  readonly cluster: ControlPlane;
  readonly options: AgentProcessOptions;
  agent: AgentProcess;
}

/** Answers requests with their path. */
const server = guestModuleImage("components/server");
/** Makes WASI calls of sockets, and prints what they answered. */
const sockets = guestModuleImage("sockets");

const steps: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async "two pods answer on the same port of their own addresses"(
    { cluster },
  ) {
    const ports = [{ containerPort: 8080, name: "http" }];
    await cluster.kubectl([
      ...["create", "service", "clusterip", "web", "--tcp=80:8080"],
    ]);
    const httpGet = { path: "/ready", port: "http" };
    await applyServer(cluster, "web-a", {
      ports,
      readinessProbe: { httpGet, periodSeconds: 1 },
      lifecycle: { postStart: { sleep: { seconds: 1 } } },
    }, { labels: { app: "web" } });
    await applyServer(cluster, "web-b", {
      ports,
      readinessProbe: { tcpSocket: { port: "http" }, periodSeconds: 1 },
      lifecycle: { preStop: { httpGet: { path: "/bye", port: 8080 } } },
    }, { labels: { app: "web" } });
    const ips = await Promise.all(["web-a", "web-b"].map(async (name) => {
      const { status } = await ready(cluster, name);
      const ip = status?.podIP ?? "";
      assert.deepEqual(status?.podIPs, [{ ip }]);
      const answer = await fetch(`http://${ip}:8080/${name}`);
      assert.equal(await answer.text(), `/${name} 1\n`);
      return ip;
    }));
    assert.notEqual(ips[0], ips[1]);
    assert.notEqual(ips[0], "127.0.0.1");
  },

  async "Services and the pod proxy find them, unless the addresses are loopback ones"(
    { cluster },
  ) {
    const { status } = await get<Pod>(cluster, "pod/web-a");
    const path = "/api/v1/namespaces/default/pods/web-a:8080/proxy/proxied";
    if (status?.podIP?.startsWith("127.")) {
      await assert.rejects(cluster.kubectl(["get", "--raw", path]));
      return;
    }
    const selector = "kubernetes.io/service-name=web";
    await eventually(async () => {
      const addresses = await cluster.kubectl([
        ...["get", "endpointslices", "-l", selector, "-o"],
        "jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}",
      ]);
      assert.equal(addresses.split(" ").length, 2, addresses);
      assert.ok(addresses.split(" ").includes(status?.podIP ?? ""));
    });
    const answer = await cluster.kubectl(["get", "--raw", path]);
    assert.equal(answer, "/proxied 1\n");
  },

  async "kubectl port-forward reaches a server, and says where nobody listens"(
    { cluster },
  ) {
    {
      await using forward = await PortForward.start(cluster, "web-a", 8080);
      const answer = await fetch(`http://127.0.0.1:${forward.port}/forwarded`);
      assert.equal(await answer.text(), "/forwarded 1\n");
    }
    await apply(cluster, "silent", { args: ["sleep", "60000"] });
    await phase(cluster, "silent", "Running");
    await using forward = await PortForward.start(cluster, "silent", 9);
    await assert.rejects(fetch(`http://127.0.0.1:${forward.port}/`));
    await eventually(() => {
      assert.match(forward.output, /no container of the pod has a TCP port/);
      return Promise.resolve();
    });
  },

  async "a guest knows its addresses"({ cluster }) {
    const field = (name: string, fieldPath: string) => ({
      name,
      valueFrom: { fieldRef: { fieldPath } },
    });
    const words = ["POD", "HOST", "HOSTNAME"].flatMap((name) => ["env", name]);
    await apply(cluster, "knowing", {
      args: words,
      env: [field("POD", "status.podIP"), field("HOST", "status.hostIP")],
    }, { hostname: "named" });
    const { status } = await phase(cluster, "knowing", "Succeeded");
    const log = await cluster.kubectl(["logs", "knowing"]);
    assert.equal(log, `${status?.podIP}\n127.0.0.1\nnamed\n`);
  },

  async "a host port is the machine's, and one that is taken is the container's fault"(
    { cluster },
  ) {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const hostPort = freePort();
    const readinessProbe = {
      httpGet: { host: "127.0.0.1", path: "/", port: hostPort },
      periodSeconds: 1,
    };
    await applyServer(cluster, "hosted", {
      ports: [{ containerPort: 8080, hostPort }],
      readinessProbe,
    });
    await applyServer(cluster, "late", {
      ports: [{
        containerPort: 8080,
        hostPort: taken.addr.port,
        hostIP: "127.0.0.1",
      }],
    });
    const { status } = await ready(cluster, "hosted");
    for (const host of [`127.0.0.1:${hostPort}`, `${status?.podIP}:8080`]) {
      const answer = await fetch(`http://${host}/by-address`);
      assert.equal(await answer.text(), "/by-address 1\n");
    }
    await eventually(async () => {
      const late = await get<Pod>(cluster, "pod/late");
      const [{ state, lastState } = {}] = late.status?.containerStatuses ?? [];
      const { reason, message } =
        (state?.terminated ?? lastState?.terminated) ??
          {};
      assert.equal(reason, "StartError", JSON.stringify(late.status));
      assert.match(message ?? "", /^Cannot listen on .*in use/);
      assert.ok(message?.includes(`127.0.0.1:${taken.addr.port}`), message);
    });
  },

  async "a pod on the host's network has the node's address"({ cluster }) {
    const containerPort = freePort();
    await applyServer(cluster, "host-net", {
      ports: [{ containerPort }],
      readinessProbe: {
        tcpSocket: { port: containerPort },
        periodSeconds: 1,
      },
    }, { spec: { hostNetwork: true } });
    const { status } = await ready(cluster, "host-net");
    assert.equal(status?.podIP, "127.0.0.1");
    const answer = await fetch(`http://127.0.0.1:${containerPort}/x`);
    assert.equal(await answer.text(), "/x 1\n");
  },

  async "a probe of a port where nobody listens keeps a pod from being ready"(
    { cluster },
  ) {
    await applyServer(cluster, "unready", {
      ports: [{ containerPort: 8080 }],
      readinessProbe: { tcpSocket: { port: 8081 }, periodSeconds: 1 },
    });
    await eventually(async () => {
      const events = await cluster.kubectl(["describe", "pod", "unready"]);
      assert.match(
        events,
        /Readiness probe failed: dial tcp [\d.]+:8081: connect: connection refused/,
      );
    });
  },

  async "a pod that allows no such hosts is refused"({ cluster }) {
    await applyServer(cluster, "open", {}, {
      annotations: { "farlet.dev/allowed-hosts": "a.example, b.example/path" },
    });
    await eventually(async () => {
      const { status } = await get<Pod>(cluster, "pod/open");
      const { reason, message } =
        status?.containerStatuses?.[0]?.state?.waiting ?? {};
      assert.equal(reason, "CreateContainerConfigError");
      assert.match(
        message ?? "",
        /allowed-hosts.*Cannot allow host "b.example\/path"/,
      );
    });
  },

  async "a guest reaches what its pod allows, and looks names up as its pod says"(
    { cluster },
  ) {
    const { status } = await get<Pod>(cluster, "pod/web-a");
    const ip = status?.podIP ?? "";
    const hostAliases = [{ ip, hostnames: ["db.example"] }];
    const allow = (entries: string) => ({
      annotations: { "farlet.dev/allowed-hosts": entries },
    });
    const guests = [
      ["looks", ["lookup", "db.example", "8080"], allow("db.example:8080")],
      ["dials", ["dial", ip, "8080"], allow(`tcp://${ip}:8080`)],
      ["dials-other", ["dial", ip, "8080"], allow(`tcp://${ip}:8081`)],
      ["dials-none", ["dial", ip, "8080"], {}],
    ] as const;
    for (const [name, args, metadata] of guests) {
      const spec = { hostAliases, restartPolicy: "Never" as const };
      const container = { image: sockets, args: [...args] };
      await applyServer(cluster, name, container, { ...metadata, spec });
    }
    const said = {
      looks: `lookup errno=0\nfamily 1 type 2 port 8080 ${ip}\n`,
      dials: "open errno=0\nconnect errno=0\n",
      "dials-other": "open errno=0\nconnect errno=2\n",
      "dials-none": "open errno=2\n",
    };
    for (const [name, words] of Object.entries(said)) {
      await eventually(async () => {
        const log = await cluster.kubectl(["logs", name]);
        assert.ok(log.startsWith(words), `${name}: ${log}`);
      });
    }
  },

  async "requests to a guest are counted, and what it uses is measured"(
    { options },
  ) {
    const labels = 'container="app",namespace="default",pod="web-a"';
    async function shows(path: string, line: RegExp): Promise<void> {
      const { success, stdout } = await new Deno.Command("curl", {
        args: [
          ...["-s", "--unix-socket", `${options.stateDir}/agent.sock`],
          `http://localhost${path}`,
        ],
      }).output();
      assert.ok(success);
      const found = new TextDecoder().decode(stdout).split("\n")
        .filter((each) => each.includes(labels));
      assert.match(found.join("\n"), line);
    }
    await eventually(async () => {
      await shows("/metrics", /wasm_http_requests_total{.*code="200"} [1-9]/);
      await shows(
        "/metrics",
        /wasm_http_request_duration_seconds_count{.* [1-9]/,
      );
    });
    await shows(
      "/metrics/resource",
      /container_memory_working_set_bytes{.* [1-9]/,
    );
    await shows(
      "/metrics/resource",
      /container_cpu_usage_seconds_total{.*} \d+\.\d*[1-9]/,
    );
  },

  async "a pod keeps its address when the agent dies, and its guest comes back"(
    stage,
  ) {
    const { cluster, options } = stage;
    const before = await get<Pod>(cluster, "pod/web-b");
    await stage.agent.end("SIGKILL");
    stage.agent = AgentProcess.start(options);
    const after = await eventually(async () => {
      const pod = await ready(cluster, "web-b");
      assert.equal(pod.status?.containerStatuses?.[0]?.restartCount, 1);
      return pod;
    });
    assert.equal(after.status?.podIP, before.status?.podIP);
    const url = `http://${after.status?.podIP}:8080/again`;
    assert.equal(await (await fetch(url)).text(), "/again 1\n");
  },
};

async function applyServer(
  cluster: ControlPlane,
  name: string,
  container: Partial<Container>,
  { spec = {}, ...metadata }: {
    readonly spec?: Partial<PodSpec>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
): Promise<void> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...metadata },
    spec: {
      terminationGracePeriodSeconds: 2,
      tolerations: [{ operator: "Exists" }],
      ...spec,
      containers: [{ name: "app", image: server, ...container }],
    },
  };
  await cluster.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(pod) });
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function ready(cluster: ControlPlane, name: string): Promise<Pod> {
  return await eventually(async () => {
    const pod = await get<Pod>(cluster, `pod/${name}`);
    const condition = pod.status?.conditions?.find(({ type }) =>
      type === "Ready"
    );
    assert.equal(
      condition?.status,
      "True",
      JSON.stringify(pod.status, undefined, 1),
    );
    return pod;
  });
}

const missing = controlPlaneMissing();

Deno.test({
  ...needing(missing, "the network of WASI guests"),
  fn: async (test) => {
    await using cluster = await startControlPlane({ controllers: true });
    const stateDir = await Deno.makeTempDir();
    const { kubeconfig } = cluster;
    const options = { kubeconfig, nodeName: "edge-1", stateDir };
    const agent = AgentProcess.start(options);
    const stage: Stage = { cluster, options, agent };
    try {
      for (const [claim, run] of Object.entries(steps)) {
        // A step builds on those before it.
        if (await test.step(claim, () => run(stage))) continue;
        throw new Error(`The agent's log ends with:\n${stage.agent.stderr}`);
      }
    } finally {
      await stage.agent[Symbol.asyncDispose]();
      await Deno.remove(stateDir, { recursive: true });
    }
  },
});
