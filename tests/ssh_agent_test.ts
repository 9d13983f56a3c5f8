import assert from "node:assert/strict";
import type { Node, Pod } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { apply, condition, get, phase } from "./cluster_pods.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import { fromSources, runFarlet } from "./farlet.ts";
import { needing } from "./needing.ts";
import { accessSteps } from "./ssh_access_steps.ts";
import { hookSteps } from "./ssh_hook_steps.ts";
import { lifeSteps } from "./ssh_life_steps.ts";
import { probeSteps } from "./ssh_probe_steps.ts";
import { resourceSteps } from "./ssh_resource_steps.ts";
import { volumeSteps } from "./ssh_volume_steps.ts";
import { agnhostImage, sshHostsMissing } from "./ssh_hosts.ts";
import { image, openStage, type StageSteps } from "./ssh_stage.ts";

const firstSteps: StageSteps = {
  async "the node is Ready, with the facts of its host"({ cluster, host }) {
    const node = await eventually(async () => {
      const node = await get<Node>(cluster, `node/${host.name}`);
      assert.equal(condition(node, "Ready"), "True KubeletReady");
      assert.equal(condition(node, "HostReachable"), "True Connected");
      assert.match(condition(node, "ApiServerReachable") ?? "", /^True /);
      assert.deepEqual(node.spec?.taints ?? [], []);
      return node;
    });
    const { capacity = {}, nodeInfo } = node.status ?? {};
    assert.match(
      nodeInfo?.containerRuntimeVersion ?? "",
      /^podman:\/\/\d+\.\d+/,
    );
    const [kernel = "", machine = ""] = (await host.exec("uname", "-rm"))
      .trim().split(" ");
    assert.equal(nodeInfo?.kernelVersion, kernel);
    assert.equal(
      node.metadata?.labels?.["kubernetes.io/arch"],
      machine === "x86_64" ? "amd64" : "arm64",
    );
    assert.equal(
      capacity["cpu"],
      (await host.exec("nproc")).trim(),
    );
    const meminfo = await host.exec("cat", "/proc/meminfo");
    const [, kibibytes = ""] = /MemTotal: +(\d+) kB/.exec(meminfo) ?? [];
    assert.equal(capacity["memory"], `${kibibytes}Ki`);
    assert.equal(capacity["pods"], "110");
  },

  async "a pod has its volumes, environment, user, limits and init container"(
    { cluster },
  ) {
    await cluster.kubectl([
      ...["create", "configmap", "words", "--from-literal=word=hello"],
    ]);
    await cluster.kubectl([
      ...["create", "secret", "generic", "keys", "--from-literal=key=s3cret"],
    ]);
    await apply(cluster, "rich", {
      image,
      command: ["sh", "-c", rich],
      env: [
        {
          name: "WORD",
          valueFrom: { configMapKeyRef: { name: "words", key: "word" } },
        },
        {
          name: "KEY",
          valueFrom: { secretKeyRef: { name: "keys", key: "key" } },
        },
        {
          name: "POD",
          valueFrom: { fieldRef: { fieldPath: "metadata.name" } },
        },
        {
          name: "LIMIT",
          valueFrom: { resourceFieldRef: { resource: "limits.memory" } },
        },
        {
          name: "IP",
          valueFrom: { fieldRef: { fieldPath: "status.podIP" } },
        },
      ],
      resources: {
        requests: { cpu: "100m", memory: "16Mi" },
        limits: { cpu: "500m", memory: "64Mi" },
      },
      securityContext: {
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
      },
      volumeMounts: [
        { name: "words", mountPath: "/words" },
        { name: "keys", mountPath: "/keys", readOnly: true },
        { name: "ram", mountPath: "/ram" },
        { name: "self", mountPath: "/self" },
      ],
    }, {
      initContainers: [{
        name: "before",
        image,
        command: ["sh", "-c", "echo prepared >/ram/init"],
        volumeMounts: [{ name: "ram", mountPath: "/ram" }],
      }],
      securityContext: { runAsUser: 1234, runAsGroup: 1234, fsGroup: 4321 },
      volumes: [
        { name: "words", configMap: { name: "words" } },
        { name: "keys", secret: { secretName: "keys", defaultMode: 0o440 } },
        { name: "ram", emptyDir: { medium: "Memory", sizeLimit: "8Mi" } },
        {
          name: "self",
          downwardAPI: {
            items: [{
              path: "name",
              fieldRef: { fieldPath: "metadata.name" },
            }],
          },
        },
      ],
    });
    const pod = await phase(cluster, "rich", "Succeeded");
    const log = await cluster.kubectl(["logs", "rich", "-c", "app"]);
    assert.deepEqual(log.trim().split("\n"), [
      "hello s3cret rich 67108864",
      "hello s3cret rich prepared",
      "1234 1234 1234 4321",
      "440 0:4321",
      "tmpfs",
      "read-only",
      "67108864",
      "50000/100000",
      `rich ${pod.status?.podIP}`,
    ]);
    const [before] = pod.status?.initContainerStatuses ?? [];
    assert.equal(before?.state?.terminated?.reason, "Completed");
    await cluster.kubectl(["delete", "pod", "rich"]);
  },

  async "a pod reaches the API server as any in-cluster client does"(
    { cluster },
  ) {
    await cluster.kubectl(["create", "serviceaccount", "reader"]);
    await cluster.kubectl([
      ...["create", "role", "reader", "--verb=get", "--resource=pods"],
    ]);
    await cluster.kubectl([
      ...["create", "rolebinding", "reader", "--role=reader"],
      "--serviceaccount=default:reader",
    ]);
    await apply(cluster, "client", {
      image: agnhostImage,
      command: ["sh", "-c", client],
    }, { serviceAccountName: "reader" });
    await phase(cluster, "client", "Succeeded");
    const log = await cluster.kubectl(["logs", "client"]);
    const [pod = "", code = ""] = log.split("\n---\n");
    assert.equal((JSON.parse(pod) as Pod).metadata?.name, "client");
    assert.equal(code.trim(), "403", "only what its role allows");
    await cluster.kubectl(["delete", "pod", "client"]);
  },

  async "a hostPort leads to the pod"({ cluster, host }) {
    await apply(cluster, "open", {
      image: agnhostImage,
      args: ["netexec", "--http-port=8080"],
      ports: [{ containerPort: 8080, hostPort: 18080 }],
    });
    await phase(cluster, "open", "Running");
    await eventually(async () => {
      const response = await fetch(`http://${host.address}:18080/hostname`);
      assert.equal(await response.text(), "open");
    });
    await cluster.kubectl(["delete", "pod", "open"]);
  },

  async "a container over its memory limit is OOMKilled"({ cluster }) {
    await apply(cluster, "hoarder", {
      image,
      command: ["sh", "-c", "tail -c 1000000000 /dev/zero"],
      resources: { limits: { memory: "32Mi" } },
    });
    const pod = await phase(cluster, "hoarder", "Failed");
    const ended = pod.status?.containerStatuses?.[0]?.state?.terminated;
    assert.equal(ended?.reason, "OOMKilled");
    assert.equal(ended.exitCode, 137);
    await cluster.kubectl(["delete", "pod", "hoarder"]);
  },

  async "a crashing container is restarted, then backed off"({ cluster }) {
    await apply(cluster, "crash", {
      image,
      command: ["sh", "-c", "echo oh no >&2; exit 3"],
    }, { restartPolicy: "Always" });
    await eventually(async () => {
      const pod = await get<Pod>(cluster, "pod/crash");
      const [app] = pod.status?.containerStatuses ?? [];
      assert.equal(app?.state?.waiting?.reason, "CrashLoopBackOff");
      assert.equal(app.lastState?.terminated?.exitCode, 3);
      assert.ok(app.restartCount >= 1);
    });
    assert.equal(
      await cluster.kubectl(["logs", "crash", "--previous"]),
      "oh no\n",
    );
    await cluster.kubectl(["delete", "pod", "crash"]);
  },

  async "an image that is not there and cannot be pulled is said so"(
    { cluster, host },
  ) {
    // No resolver answers there; a registry that is not there is to be noticed at once.
    await host.shell(`
        { cat /etc/hosts; echo 127.0.0.1 missing.invalid; } >/run/hosts
        mount --bind /run/hosts /etc/hosts`);
    const reasons = {
      Never: /^ErrImageNeverPull$/,
      Always: /^(ErrImagePull|ImagePullBackOff)$/,
    };
    for (const [imagePullPolicy, reason] of Object.entries(reasons)) {
      const name = `pull-${imagePullPolicy.toLowerCase()}`;
      const container = { image: "missing.invalid/none:1", imagePullPolicy };
      await apply(cluster, name, container);
      await eventually(async () => {
        const pod = await get<Pod>(cluster, `pod/${name}`);
        const { waiting } = pod.status?.containerStatuses?.[0]?.state ?? {};
        assert.match(`${waiting?.reason}`, reason);
        assert.match(`${waiting?.message}`, /missing\.invalid\/none:1/);
      });
      await cluster.kubectl(["delete", "pod", name]);
    }
  },

  async "what cannot be honoured is refused with the field's name"(
    { cluster },
  ) {
    await apply(cluster, "probed", {
      image,
      command: ["sleep", "1000"],
      securityContext: { procMount: "Unmasked" },
    }, { hostUsers: false });
    await eventually(async () => {
      const text = await cluster.kubectl(["describe", "pod", "probed"]);
      assert.match(text, /Warning +UnsupportedField .*procMount/);
    });
    await cluster.kubectl(["delete", "pod", "probed"]);
  },

  async "a deleted pod has its grace time, and no more"({ cluster, host }) {
    const trap = "trap 'echo bye >>/seen/log; exit 0' TERM; ";
    const loop = "while :; do sleep 0.1; done";
    await host.exec("mkdir", "-p", "/run/seen");
    const seen = {
      volumeMounts: [{ name: "seen", mountPath: "/seen" }],
    };
    const spec = {
      terminationGracePeriodSeconds: 3,
      volumes: [{ name: "seen", hostPath: { path: "/run/seen" } }],
    };
    const kinds = { polite: trap + loop, stubborn: `trap '' TERM; ${loop}` };
    for (const [name, script] of Object.entries(kinds)) {
      const command = ["sh", "-c", script];
      await apply(cluster, name, { image, command, ...seen }, spec);
      await phase(cluster, name, "Running");
    }
    const times = await Promise.all(
      Object.keys(kinds).map(async (name) => {
        const begun = performance.now();
        await cluster.kubectl(["delete", "pod", name]);
        return performance.now() - begun;
      }),
    );
    const [polite = NaN, stubborn = NaN] = times;
    assert.ok(polite < 2_900, `took ${polite} ms`);
    assert.ok(stubborn > 2_900, `took ${stubborn} ms`);
    assert.ok(stubborn < 10_000, `took ${stubborn} ms`);
    assert.equal(await host.exec("cat", "/run/seen/log"), "bye\n");
  },
};

/** Comes last: the node is gone then. */
const lastStep: StageSteps = {
  async "farlet leave drains the node and leaves nothing behind"(
    { cluster, host, agent },
  ) {
    await apply(cluster, "staying", {
      image,
      command: ["sleep", "1000"],
      volumeMounts: [{ name: "ram", mountPath: "/ram" }],
    }, { volumes: [{ name: "ram", emptyDir: { medium: "Memory" } }] });
    await phase(cluster, "staying", "Running");
    const ways = ["--kubeconfig", cluster.kubeconfig];
    const leave = (...flags: string[]) =>
      runFarlet(["leave", host.name, ...ways, ...flags], {
        command: fromSources,
      });
    const refused = await leave();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /default\/staying .*--force/);
    const left = await leave("--force", "--delete-emptydir-data");
    assert.equal(left.code, 0, left.stderr);
    assert.equal(await cluster.kubectl(["get", "nodes", "-o", "name"]), "");
    assert.equal(await cluster.kubectl(["get", "pods", "-o", "name"]), "");
    assert.equal(await host.exec("podman", "ps", "-aq"), "");
    assert.doesNotMatch(await host.exec("cat", "/proc/mounts"), /farlet/);
    const kept = await host.shell(
      `ls -d /var/lib/farlet/${host.name} 2>/dev/null || true`,
    );
    assert.equal(kept, "");
    assert.equal(await agent.end("SIGTERM"), 0);
  },
};

const rich = `
echo $WORD $KEY $POD $LIMIT
echo $(cat /words/word /keys/key /self/name | sed 's/s3cret/ s3cret /') $(cat /ram/init)
echo $(id -u) $(id -g) $(id -G)
stat -Lc '%a %u:%g' /keys/key
awk '$2 == "/ram" { print $3 }' /proc/mounts
touch /nothing 2>/dev/null || echo read-only
cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max
if [ -e /sys/fs/cgroup/cpu.max ]; then tr ' ' / </sys/fs/cgroup/cpu.max; else
  echo $(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us)/$(cat /sys/fs/cgroup/cpu/cpu.cfs_period_us)
fi
echo $(hostname) $IP
`;

const client = `
set -e
dir=/var/run/secrets/kubernetes.io/serviceaccount
ask() {
  curl -sS --cacert $dir/ca.crt -H "Authorization: Bearer $(cat $dir/token)" "$@"
}
url=https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/api/v1/namespaces/default
ask $url/pods/$HOSTNAME
echo; echo ---
ask -o /dev/null -w '%{http_code}' $url/secrets
`;

const missing = sshHostsMissing() ?? controlPlaneMissing({ controllers: true });

Deno.test({
  ...needing(missing, "a host over SSH is a node"),
  fn: async (test) => {
    await using cluster = await startControlPlane({ controllers: true });
    await using stage = await openStage(cluster);
    const steps = {
      ...firstSteps,
      ...accessSteps,
      ...resourceSteps,
      ...volumeSteps,
      ...probeSteps,
      ...hookSteps,
      ...lifeSteps,
      ...lastStep,
    };
    for (const [claim, run] of Object.entries(steps)) {
      // A step builds on those before it.
      if (await test.step(claim, () => run(stage))) continue;
      throw new Error(`The agent's log ends with:\n${stage.agent.stderr}`);
    }
  },
});
