import assert from "node:assert/strict";
import { join } from "node:path";
import type { Pod } from "../k8s/types.ts";
import { tarBytes } from "../providers/ssh/tar.ts";
import {
  missingRegistry,
  TestRegistry,
} from "../providers/wasm/registry/test_registry.ts";
import { eventually } from "./agent_process.ts";
import { apply, get, phase } from "./cluster_pods.ts";
import type { ControlPlane } from "./controlplane.ts";
import { projectPath } from "./farlet.ts";

interface Stage {
  readonly cluster: ControlPlane;
}

/** What kubectl shows of WASI images, RuntimeClasses and commands; nothing without a registry. */
export const wasmImageSteps: Readonly<
  Record<string, (stage: Stage) => Promise<void>>
> = missingRegistry() !== undefined ? {} : {
  async "a pod with the RuntimeClass of the examples is scheduled and pulls its image"(
    { cluster },
  ) {
    await using registry = await TestRegistry.start();
    const image = await pushGuest(registry);
    const manifest = projectPath("examples/wasm/runtime-class.yaml");
    await cluster.kubectl(["apply", "-f", manifest]);
    // Without a toleration of its own.
    await apply(cluster, "pulled", { image, args: ["echo", "hello"] }, {
      tolerations: [],
      runtimeClassName: "wasm",
    });
    const { spec, status } = await phase(cluster, "pulled", "Succeeded");
    assert.deepEqual(spec?.overhead, { cpu: "10m", memory: "32Mi" });
    assert.match(
      status?.containerStatuses?.[0]?.imageID ?? "",
      /\/app@sha256:\w{64}$/,
    );
    await described(cluster, "pulled", [
      new RegExp(`Normal +Pulling .* Pulling image "${image}"`),
      new RegExp(
        `Normal +Pulled .* Successfully pulled image "${image}" in \\S+ \\(\\S+ including waiting\\)\\. Image size: \\d+ bytes\\.`,
      ),
    ]);
    await cluster.kubectl(["delete", "pod", "pulled"]);
  },

  async "a pod whose image cannot be had says why, as the kubelet says it"(
    { cluster },
  ) {
    await using registry = await TestRegistry.start();
    await registry.pushImage("linux", "latest", {
      config: { os: "linux", architecture: "amd64" },
      layers: [["application/vnd.oci.image.layer.v1.tar", tarBytes([])]],
    });
    const cases = [
      ["linux", { image: `${registry.address}/linux` }, "ImagePullBackOff", [
        /Failed to pull image ".*": .* no match for platform wasi\/wasm: it is for linux\/amd64, which an ordinary node runs/,
        /Warning +Failed .* Error: ErrImagePull/,
        /Normal +BackOff .* Back-off pulling image/,
        /Warning +Failed .* Error: ImagePullBackOff/,
      ]],
      ["absent", { image: `${registry.address}/x:1` }, "ImagePullBackOff", [
        /Failed to pull image ".*": .* not found: MANIFEST_UNKNOWN/,
      ]],
      [
        "never",
        { image: `${registry.address}/x:1`, imagePullPolicy: "Never" },
        "ErrImageNeverPull",
        [
          /ErrImageNeverPull .* Container image ".*" is not present with pull policy of Never/,
        ],
      ],
      ["invalid", { image: "a/B:1" }, "InvalidImageName", [
        /InspectFailed .* Failed to apply default image tag "a\/B:1": couldn't parse image name "a\/B:1": repository name must be lowercase/,
      ]],
    ] as const;
    for (const [name, container] of cases) {
      await apply(cluster, name, container);
    }
    for (const [name, , reason, events] of cases) {
      await eventually(async () => {
        const { status } = await get<Pod>(cluster, `pod/${name}`);
        const [app] = status?.containerStatuses ?? [];
        assert.equal(app?.state?.waiting?.reason, reason);
      });
      await described(cluster, name, events);
    }
    const names = cases.map(([name]) => name);
    await cluster.kubectl(["delete", "pod", ...names, "--force"]);
  },

  async "a pod with a foreign RuntimeClass waits, and says for what"(
    { cluster },
  ) {
    const stdin = JSON.stringify({
      apiVersion: "node.k8s.io/v1",
      kind: "RuntimeClass",
      metadata: { name: "gvisor" },
      handler: "runsc",
    });
    await cluster.kubectl(["apply", "-f", "-"], { stdin });
    await apply(cluster, "foreign", {}, { runtimeClassName: "gvisor" });
    await described(cluster, "foreign", [
      /FailedCreatePodSandBox .* RuntimeHandler "runsc" not supported/,
    ]);
    await cluster.kubectl(["delete", "pod", "foreign", "--force"]);
  },

  async "kubectl runs commands in a WASI container, and debugs it"(
    { cluster },
  ) {
    await using registry = await TestRegistry.start();
    const image = await pushGuest(registry);
    await apply(cluster, "tool", { args: ["echo", "on", "spin"] });
    await phase(cluster, "tool", "Running");
    const exec = (...command: string[]) =>
      cluster.kubectl(["exec", "tool", "--", ...command]);
    assert.equal(await exec("guest", "echo", "hello"), "hello\n");
    await assert.rejects(exec("guest", "exit", "7"), /exit code 7/);
    await assert.rejects(exec("sh"), /exec: "sh": not found: [^]*code 127/);
    const copy = join(cluster.dir, "copy");
    await assert.rejects(
      cluster.kubectl(["cp", "tool:/etc/hostname", copy]),
      /exit code 127/,
    );
    const debug = ["--profile=general", `--image=${image}`];
    await cluster.kubectl([
      ...["debug", "tool", "-c", "look", ...debug, "--"],
      ...["guest", "echo", "from beside", "exit", "4"],
    ]);
    await eventually(async () => {
      const { status } = await get<Pod>(cluster, "pod/tool");
      const [look] = status?.ephemeralContainerStatuses ?? [];
      assert.equal(look?.state?.terminated?.exitCode, 4);
    });
    const logs = await cluster.kubectl(["logs", "tool", "-c", "look"]);
    assert.equal(logs, "from beside\n");
    await cluster.kubectl(["delete", "pod", "tool"]);
  },
};

/** Waits until `kubectl describe` shows all of these. */
async function described(
  cluster: ControlPlane,
  pod: string,
  patterns: readonly RegExp[],
): Promise<void> {
  await eventually(async () => {
    const text = await cluster.kubectl(["describe", "pod", pod]);
    for (const pattern of patterns) assert.match(text, pattern);
  });
}

/** The guest as an artifact; the image's name. */
async function pushGuest(registry: TestRegistry): Promise<string> {
  const guest = await Deno.readFile(projectPath("tests/guests/guest.wasm"));
  const layers = [["application/wasm", guest]] as const;
  await registry.pushImage("app", "v1", { layers });
  return `${registry.address}/app:v1`;
}
