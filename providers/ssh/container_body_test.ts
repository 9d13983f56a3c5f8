import assert from "node:assert/strict";
import type { ContainerSpec, SecuritySettings } from "../container_spec.ts";
import { containerBody, type ContainerMaking } from "./container_body.ts";
import type { CreateBody, HostConfig } from "./create_body.ts";
import { identityOf } from "./labels.ts";
import { containerSpec, pod, sandbox } from "./test_records.ts";

const podman = { kind: "podman", rootless: false } as const;
const docker = { kind: "docker", rootless: false } as const;

function body(
  spec: Partial<ContainerSpec> = {},
  making: Partial<ContainerMaking> = {},
): CreateBody {
  return containerBody(containerSpec(spec), {
    pod,
    sandbox: sandbox(),
    binds: [],
    engine: podman,
    protects: true,
    logConfig: { Type: "json-file", Config: {} },
    ...making,
  });
}

function secured(
  security: Partial<SecuritySettings>,
  making: Partial<ContainerMaking> = {},
): CreateBody {
  return body(
    { security: { ...containerSpec().security, ...security } },
    making,
  );
}

const fields: readonly [
  claim: string,
  body: CreateBody,
  want: Partial<CreateBody>,
][] = [
  [
    "leaves an image its own command",
    body(),
    { Entrypoint: undefined, Cmd: undefined } as never,
  ],
  [
    "replaces the image's entry point by the command, so that its arguments go",
    body({ command: ["sh", "-c"] }),
    { Entrypoint: ["sh", "-c"], Cmd: undefined } as never,
  ],
  [
    "replaces the image's arguments only",
    body({ args: ["-v"] }),
    { Entrypoint: undefined, Cmd: ["-v"] } as never,
  ],
  [
    "gives the environment in the body",
    body({ env: { A: "b=c", EMPTY: "" } }),
    { Env: ["A=b=c", "EMPTY="] },
  ],
  [
    "opens the input of a container that has one",
    body({ stdin: true, stdinOnce: true, tty: true }),
    { OpenStdin: true, StdinOnce: true, Tty: true },
  ],
  ["names the signal to end it by", body({ stopSignal: "SIGUSR1" }), {
    StopSignal: "SIGUSR1",
  }],
  ["runs as a user", secured({ runAsUser: 1000 }), { User: "1000" }],
  [
    "runs as a user and group",
    secured({ runAsUser: 0, runAsGroup: 30 }),
    { User: "0:30" },
  ],
  [
    "keeps the image's user where only the group is given",
    secured({ runAsGroup: 30 }, { imageUser: "app:app" }),
    { User: "app:30" },
  ],
  [
    "takes root for the user of an image that names none",
    secured({ runAsGroup: 30 }),
    { User: "0:30" },
  ],
  [
    "uses what the image's name resolved to",
    body({ imageId: "sha256:22" }),
    { Image: "sha256:22" },
  ],
  [
    "tells Podman the pod's host name",
    body({}, { engine: podman }),
    { Hostname: "web-0" },
  ],
  [
    "does not tell Docker, which has it from the sandbox",
    body({}, { engine: docker }),
    { Hostname: undefined } as never,
  ],
];

for (const [claim, got, want] of fields) {
  Deno.test(`containerBody() ${claim}`, () => {
    assert.deepEqual(pick(got, want), want);
  });
}

const onHost = sandbox({
  shared: { hostname: "", network: "host", ipc: "host", pid: "host" },
});
const sharedPids = sandbox({
  shared: { hostname: "web-0", network: "pod", ipc: "pod", pid: "pod" },
});

const hostFields: readonly [
  claim: string,
  body: CreateBody,
  want: Partial<Record<keyof HostConfig, unknown>>,
][] = [
  ["joins the sandbox, and sees its own processes only", body(), {
    NetworkMode: "container:sandbox-0",
    IpcMode: "container:sandbox-0",
    PidMode: undefined,
    UTSMode: undefined,
  }],
  ["sees the pod's processes", body({}, { sandbox: sharedPids }), {
    PidMode: "container:sandbox-0",
  }],
  ["shares all with the host", body({}, { sandbox: onHost }), {
    NetworkMode: "container:sandbox-0",
    IpcMode: "host",
    PidMode: "host",
    UTSMode: "host",
  }],
  ["is never started by the engine", body(), { RestartPolicy: { Name: "no" } }],
  ["has no limits unless asked", body(), {
    Memory: undefined,
    MemorySwap: undefined,
    CpuQuota: undefined,
    CpuShares: 2,
  }],
  [
    "limits memory without swap, and the CPU",
    body({
      memoryLimitBytes: 64 << 20,
      cpuLimitMillis: 1500,
      cpuRequestMillis: 250,
    }),
    {
      Memory: 64 << 20,
      MemorySwap: 64 << 20,
      CpuPeriod: 100_000,
      CpuQuota: 150_000,
      CpuShares: 256,
    },
  ],
  [
    "takes a limit for the request that is not given",
    body({ cpuLimitMillis: 5 }),
    { CpuShares: 5, CpuQuota: 1000 },
  ],
  ["protects from the memory killer", body({ oomScoreAdj: -997 }), {
    OomScoreAdj: -997,
  }],
  [
    "does not where the engine cannot",
    body({ oomScoreAdj: -997 }, { protects: false }),
    { OomScoreAdj: undefined },
  ],
  [
    "does not without root",
    body({ oomScoreAdj: -997 }, { engine: { ...podman, rootless: true } }),
    { OomScoreAdj: undefined },
  ],
  [
    "confines",
    secured({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      supplementalGroups: [7, 8],
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      seccomp: { kind: "unconfined" },
      appArmor: { kind: "localhost", profile: "mine" },
      seLinux: { type: "spc_t", level: "s0:c1" },
    }),
    {
      ReadonlyRootfs: true,
      GroupAdd: ["7", "8"],
      CapAdd: ["NET_ADMIN"],
      CapDrop: ["ALL"],
      SecurityOpt: [
        "no-new-privileges",
        "seccomp=unconfined",
        "apparmor=mine",
        "label=type:spc_t",
        "label=level:s0:c1",
      ],
    },
  ],
  ["leaves the defaults of the engine", secured({}), {
    SecurityOpt: undefined,
    CapAdd: undefined,
    Privileged: undefined,
    ReadonlyRootfs: undefined,
  }],
  [
    "has privileges, and no filters then",
    secured({
      privileged: true,
      seccomp: { kind: "localhost", profile: "p.json" },
    }),
    { Privileged: true, SecurityOpt: undefined },
  ],
  [
    "names Podman a seccomp profile by its path",
    secured({ seccomp: { kind: "localhost", profile: "p.json" } }),
    { SecurityOpt: ["seccomp=/var/lib/kubelet/seccomp/p.json"] },
  ],
  [
    "gives Docker the content of the profile",
    secured({ seccomp: { kind: "localhost", profile: "/p.json" } }, {
      engine: docker,
      seccompProfile: "{}",
    }),
    { SecurityOpt: ["seccomp={}"] },
  ],
  [
    "binds paths of the host, also with a colon in them, and images",
    body({}, {
      binds: [
        {
          source: "/v/config",
          target: "/etc/app",
          readOnly: true,
          propagation: "None",
        },
        {
          source: "/v/a:b",
          target: "/b",
          readOnly: false,
          propagation: "Bidirectional",
        },
        {
          source: "/v/image",
          target: "/image",
          readOnly: true,
          propagation: "None",
          noExec: true,
        },
      ],
      images: [{ Type: "image", Source: "sha256:22", Target: "/other" }],
    }),
    {
      Binds: [
        "/v/config:/etc/app:ro,rprivate",
        "/v/image:/image:ro,rprivate,noexec",
      ],
      Mounts: [{
        Type: "bind",
        Source: "/v/a:b",
        Target: "/b",
        ReadOnly: false,
        BindOptions: { Propagation: "rshared" },
      }, { Type: "image", Source: "sha256:22", Target: "/other" }],
    },
  ],
];

for (const [claim, got, want] of hostFields) {
  Deno.test(`containerBody() makes a container that ${claim}`, () => {
    assert.deepEqual(pick(got.HostConfig, want), want);
  });
}

Deno.test("containerBody() puts the identity of the run in its labels", () => {
  const { Labels } = body({ attempt: 4, image: "nginx:1" });
  assert.deepEqual(identityOf(Labels), {
    pod,
    node: "n1",
    kind: "container",
    container: "web",
    attempt: 4,
    image: "nginx:1",
    imageId: "sha256:11",
    sandbox: "sandbox-0",
  });
});

Deno.test("containerBody() has another hash for another container, and no other", () => {
  const hash = (made: CreateBody) => made.Labels["farlet.dev/spec-hash"];
  assert.match(hash(body()) ?? "", /^[0-9a-f]{16}$/);
  assert.equal(hash(body()), hash(body()));
  assert.notEqual(hash(body()), hash(body({ env: { A: "1" } })));
});

/** The fields of `from` that `like` has, also where they are undefined. */
function pick<T extends object>(from: T, like: object): Partial<T> {
  return Object.fromEntries(
    Object.keys(like).map((key) => [key, from[key as keyof T]]),
  ) as Partial<T>;
}
