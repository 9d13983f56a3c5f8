import assert from "node:assert/strict";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { KubeClient } from "../k8s/client.ts";
import { loadCredentials } from "../k8s/kubeconfig.ts";
import { apiPath } from "../k8s/paths.ts";
import type { ConfigMap, Pod } from "../k8s/types.ts";
import { ClusterObjects } from "../pods/cluster_objects.ts";
import { resolveEnvironment } from "../pods/environment.ts";
import { resolveVolumes } from "../pods/volumes.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import { needing } from "./needing.ts";

/** Milliseconds within which each step is done. */
const limit = 20_000;

const view = { ips: [], node: { ips: [], allocatable: {} } };

/** Knows which single objects are being watched. */
class WatchCounter extends KubeClient {
  readonly #open: string[] = [];

  openWatches(name: string): number {
    return this.#open.filter((open) => open === `metadata.name=${name}`).length;
  }

  override async *watch<T>(
    ...[path, options]: Parameters<KubeClient["watch"]>
  ): ReturnType<typeof KubeClient.prototype.watch<T>> {
    const selector = String(options.query?.["fieldSelector"]);
    this.#open.push(selector);
    try {
      yield* super.watch<T>(path, options);
    } finally {
      this.#open.splice(this.#open.indexOf(selector), 1);
    }
  }
}

interface Step {
  readonly client: WatchCounter;
  readonly objects: ClusterObjects;
  readonly signal: AbortSignal;
}

const steps: Readonly<Record<string, (step: Step) => Promise<void>>> = {
  "ClusterObjects tells every pod of an update, and of nothing else": updates,
  "ClusterObjects tells of an object that was absent, and of its end": creation,
  "ClusterObjects watches an object once, until its last pod is released":
    sharing,
  "ClusterObjects stops watching an immutable object and keeps it": immutable,
  "ClusterObjects has the Services of a namespace": services,
  "ClusterObjects gets a token that the API server accepts for the pod": tokens,
  "ClusterObjects gets a token that is good only while the pod exists":
    endOfPod,
  "ClusterObjects tells of a token that is due and then has a new one": renewal,
  "ClusterObjects says why a token cannot be had": noAccount,
};

Deno.test({
  ...needing(controlPlaneMissing(), "ClusterObjects, against an API server"),
}, async (t) => {
  await using controlPlane = await startControlPlane({ controllers: false });
  const { kubeconfig } = controlPlane;
  using client = new WatchCounter(
    await loadCredentials({ kubeconfig, env: {} }),
  );
  for (const [claim, run] of Object.entries(steps)) {
    await t.step(claim, async () => {
      using deadline = new Deadline(limit, {
        signal: new AbortController().signal,
      });
      const { signal } = deadline;
      await using objects = new ClusterObjects(client, {
        ...(run === renewal ? { renewAfter: () => 200 } : {}),
      });
      await run({ client, objects, signal });
    });
  }
});

async function updates(step: Step): Promise<void> {
  const { objects, client, signal } = step;
  const [web, other, alone] = podsOf("updates");
  await createConfigMap(step, "updates", { level: "debug" });
  await objects.configMap(web, "updates", { signal });
  await objects.configMap(other, "updates", { signal });
  await objects.configMap(alone, "absent", { signal });
  const uids = await told(step, 2, async () => {
    await client.patch(configMapPath("updates"), { data: { level: "info" } }, {
      signal,
    });
  });
  assert.deepEqual(uids, [web.uid, other.uid].sort());
  const { data } = await objects.configMap(web, "updates", { signal }) ?? {};
  assert.deepEqual(data, { level: "info" });
}

async function creation(step: Step): Promise<void> {
  const { objects, client, signal } = step;
  const [web] = podsOf("creation");
  const path = apiPath("v1", "secrets", { namespace: "default" });
  const read = () => objects.secret(web, "creation", { signal });
  assert.equal(await read(), undefined);
  await told(step, 1, async () => {
    await client.create(path, {
      metadata: { name: "creation" },
      stringData: { k: "v" },
    }, { signal });
  });
  assert.deepEqual((await read())?.data, { k: btoa("v") });
  await told(step, 1, async () => {
    await client.delete(`${path}/creation`, { signal });
  });
  assert.equal(await read(), undefined);
}

async function sharing(step: Step): Promise<void> {
  const { objects, client, signal } = step;
  const [web, other] = podsOf("sharing");
  await createConfigMap(step, "sharing", {});
  await Promise.all(
    [web, other, web].map((pod) =>
      objects.configMap(pod, "sharing", { signal })
    ),
  );
  const watches = () => client.openWatches("sharing");
  await until(() => watches() === 1, step);
  objects.release(web.uid);
  const uids = await told(step, 1, async () => {
    await client.patch(
      configMapPath("sharing"),
      { data: { still: "told" } },
      { signal },
    );
  });
  assert.deepEqual(uids, [other.uid]);
  objects.release(other.uid);
  await until(() => watches() === 0, step);
}

async function immutable(step: Step): Promise<void> {
  const { objects, client, signal } = step;
  const [web] = podsOf("immutable");
  await createConfigMap(step, "immutable", { k: "v" }, { immutable: true });
  const read = () => objects.configMap(web, "immutable", { signal });
  assert.deepEqual((await read())?.data, { k: "v" });
  await client.delete(configMapPath("immutable"), { signal });
  assert.equal(client.openWatches("immutable"), 0);
  assert.deepEqual((await read())?.data, { k: "v" });
}

async function services({ objects, signal }: Step): Promise<void> {
  const container = { name: "web" };
  const [{ uid, namespace, name }] = podsOf("services");
  const pod = { metadata: { uid, namespace, name } };
  const env = await resolveEnvironment({ ...view, pod, container }, objects, {
    signal,
  });
  assert.match(env["KUBERNETES_SERVICE_HOST"] ?? "", /^[0-9.]+$/);
  assert.equal(env["KUBERNETES_SERVICE_PORT_HTTPS"], "443");
  assert.deepEqual(await objects.services("kube-public", { signal }), []);
}

async function tokens(step: Step): Promise<void> {
  const { objects, signal } = step;
  const pod = await createPod(step, "tokens");
  const [volume] = await resolveVolumes(pod, { ...view, objects }, { signal });
  assert.equal(volume?.kind, "files");
  assert.equal(volume.secret, true);
  const token = new TextDecoder().decode(volume.files[0]?.content);

  const { authenticated, user } = await review(step, token);
  assert.equal(authenticated, true);
  assert.equal(user?.username, "system:serviceaccount:default:default");
  const podName = user.extra?.["authentication.kubernetes.io/pod-name"];
  assert.deepEqual(podName, ["tokens"]);

  const again = await objects.serviceAccountToken(pod, {
    expirationSeconds: 3600,
  }, { signal });
  assert.equal(again.token, token);
  const left = again.expiresAt.getTime() - Date.now();
  assert.ok(left > 3500_000 && left <= 3600_000 + 10_000, `${left}`);
}

async function endOfPod(step: Step): Promise<void> {
  const { client, objects, signal } = step;
  const pod = await createPod(step, "ended");
  const { token } = await objects.serviceAccountToken(pod, {}, { signal });
  const path = apiPath("v1", "pods", { namespace: "default", name: "ended" });
  await client.delete(path, { signal, gracePeriodSeconds: 0 });
  assert.notEqual((await review(step, token)).authenticated, true);
}

async function renewal(step: Step): Promise<void> {
  const { objects, signal } = step;
  const pod = await createPod(step, "renewal");
  const get = () => objects.serviceAccountToken(pod, {}, { signal });
  let first = "";
  const uids = await told(step, 1, async () => {
    first = (await get()).token;
  });
  assert.deepEqual(uids, [pod.metadata?.uid]);
  assert.notEqual((await get()).token, first);
}

async function noAccount(step: Step): Promise<void> {
  const { objects, signal } = step;
  const [pod] = podsOf("no-account");
  const wanted = objects.serviceAccountToken(
    {
      metadata: pod,
      spec: { containers: [], serviceAccountName: "nobody" },
    },
    {},
    { signal },
  );
  await assert.rejects(
    wanted,
    /^Error: failed to fetch token: .*serviceaccounts "nobody" not found/,
  );
}

function podsOf(test: string) {
  const pod = (name: string) => ({
    uid: `uid-${test}-${name}`,
    namespace: "default",
    name,
  });
  return [pod("a"), pod("b"), pod("c")] as const;
}

/** The pods, sorted, of the next `count` changes after `act`. */
async function told(
  { objects, signal }: Step,
  count: number,
  act: () => Promise<unknown>,
): Promise<readonly string[]> {
  const changes = objects.changes({ signal });
  // Starts to listen before anything happens.
  const first = changes.next();
  await act();
  const uids: string[] = [];
  for (let next = first; uids.length < count; next = changes.next()) {
    const { value, done } = await next;
    assert.ok(!done, "The time is up and no change was told");
    uids.push(value);
    if (uids.length === count) break;
  }
  await changes.return(undefined);
  return uids.sort();
}

function configMapPath(name?: string): string {
  return apiPath("v1", "configmaps", { namespace: "default", name });
}

async function createConfigMap(
  { client, signal }: Step,
  name: string,
  data: Readonly<Record<string, string>>,
  more: Partial<ConfigMap> = {},
): Promise<void> {
  const body = { metadata: { name }, data, ...more };
  await client.create(configMapPath(), body, { signal });
}

/** A pod with a volume for its token, of the account `default`, which is created if need be. */
async function createPod(
  { client, signal }: Step,
  name: string,
): Promise<Pod> {
  const account = { namespace: "default", name: "default" };
  const accounts = apiPath("v1", "serviceaccounts", { namespace: "default" });
  const known = await client.get(
    apiPath("v1", "serviceaccounts", account),
    { signal },
  );
  if (!known) {
    await client.create(accounts, { metadata: account }, { signal });
  }
  const token = { serviceAccountToken: { path: "token" } };
  return await client.create<Pod>(
    apiPath("v1", "pods", { namespace: "default" }),
    {
      metadata: { name },
      spec: {
        nodeName: "far",
        serviceAccountName: "default",
        automountServiceAccountToken: false,
        containers: [{ name: "web", image: "web" }],
        volumes: [{ name: "token", projected: { sources: [token] } }],
      },
    },
    { signal },
  );
}

interface ReviewStatus {
  readonly authenticated?: boolean;
  readonly user?: {
    readonly username?: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

async function review(
  { client, signal }: Step,
  token: string,
): Promise<ReviewStatus> {
  const { status } = await client.create<{ readonly status: ReviewStatus }>(
    apiPath("authentication.k8s.io/v1", "tokenreviews"),
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token },
    },
    { signal },
  );
  return status;
}

async function until(
  condition: () => boolean | Promise<boolean>,
  { signal }: Step,
): Promise<void> {
  while (!await condition()) await delay(50, { signal });
}
