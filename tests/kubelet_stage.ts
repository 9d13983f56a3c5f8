import type { Pod } from "../k8s/types.ts";
import type { KubeletContext } from "../kubelet/context.ts";
import { startKubeletServer } from "../kubelet/server.ts";
import { selfSignedServingCertificate } from "../kubelet/serving_certificate.ts";
import { canVerifyClients } from "../kubelet/tls_listener.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";

/** What is missing for {@linkcode startKubeletStage}, in one line; undefined if nothing. */
export function kubeletStageMissing(): string | undefined {
  return controlPlaneMissing() ??
    (canVerifyClients(Deno.version.deno)
      ? undefined
      : "this Deno cannot verify client certificates");
}

const nodeName = "n1";

function newPod(name: string, containerState: object, more: object = {}): Pod {
  return {
    metadata: { namespace: "default", name, uid: `uid-of-${name}` },
    spec: { nodeName, containers: [{ name: "app", image: "i" }] },
    status: {
      containerStatuses: [{
        ...{ name: "app", image: "i", imageID: "", ready: false },
        restartCount: 0,
        state: containerState,
        ...more,
      }],
    },
  };
}

const pods = [
  newPod("web", { running: { startedAt: "2026-01-01T00:00:00Z" } }, {
    containerID: "x://1",
  }),
  newPod("new", { waiting: { reason: "ContainerCreating" } }),
];

/** Two lines, of which `tailLines` counts; with `follow`, a third one and no end. */
const readLogs: NonNullable<KubeletContext["backend"]["readLogs"]> = (
  { podUid },
  { follow, tailLines = 2 },
) => {
  const lines = ["one\n", `of ${podUid}\n`].slice(
    tailLines === 0 ? 2 : -tailLines,
  );
  return new ReadableStream({
    start(controller) {
      const say = (line: string) =>
        controller.enqueue(new TextEncoder().encode(line));
      lines.forEach(say);
      if (follow) say("more\n");
      else controller.close();
    },
  });
};

/** A control plane, and our server as the kubelet of its node `n1`, with pods bound to it. */
export async function startKubeletStage() {
  await using scope = new AsyncDisposableStack();
  const cluster = scope.use(await startControlPlane());
  const client = scope.use(await cluster.client());
  const stateDirectory = await Deno.makeTempDir();
  scope.defer(() => Deno.remove(stateDirectory, { recursive: true }));
  const { signal } = new AbortController();
  const server = scope.use(
    await startKubeletServer({
      nodeName,
      backend: { readLogs },
      pods: () => pods,
      findPod: (namespace, name) =>
        pods.find(({ metadata }) =>
          metadata?.namespace === namespace && metadata.name === name
        ),
    }, {
      ...{ hostname: "127.0.0.1", port: 0, client, stateDirectory, signal },
      certificate: await selfSignedServingCertificate({
        stateDirectory,
        nodeName,
        addresses: ["127.0.0.1"],
      }),
      clientCa: { kind: "cluster" },
    }),
  );
  const apply = (object: object) =>
    cluster.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(object) });
  await apply({ apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
  await client.patch(`/api/v1/nodes/${nodeName}/status`, {
    status: {
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port: server.port } },
    },
  }, { signal });
  for (const { metadata, spec } of pods) {
    const { name } = metadata ?? {};
    await apply({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
  }
  const resources = scope.move();
  return {
    cluster,
    server,
    apply,
    /** Asks our server with curl: the HTTP status, or `cut off`. */
    async curl(path: string, ...args: string[]): Promise<string> {
      const url = `https://127.0.0.1:${server.port}${path}`;
      const { stdout, code } = await new Deno.Command("curl", {
        args: ["-sk", "-m", "10", "-o", "/dev/null", ...args, url],
      }).output();
      const status = new TextDecoder().decode(stdout);
      return code === 0 ? status : "cut off";
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** A control plane, and our server as the kubelet of one of its nodes. */
export type KubeletStage = Awaited<ReturnType<typeof startKubeletStage>>;

/** Lets a subject do one thing to the subresources of nodes. */
export async function grant(
  { apply }: KubeletStage,
  name: string,
  subject: object,
  rule: { readonly resources: string[]; readonly verbs: string[] },
): Promise<void> {
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const metadata = { name };
  const rules = [{ apiGroups: [""], ...rule }];
  await apply({ apiVersion, kind: "ClusterRole", metadata, rules });
  await apply({
    ...{ apiVersion, kind: "ClusterRoleBinding", metadata },
    roleRef: {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "ClusterRole",
      name,
    },
    subjects: [subject],
  });
}
