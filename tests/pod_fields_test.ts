import assert from "node:assert/strict";
import { join } from "node:path";
import type { Pod } from "../k8s/types.ts";
import {
  fieldColumns,
  fieldTable,
  providerNames,
  rowFinder,
} from "../pod_field_table.ts";
import { expandField } from "../providers/pod_field.ts";
import { ProgramRuntime } from "../providers/program_runtime.ts";
import { SshRuntime } from "../providers/ssh/runtime.ts";
import { WasmRuntime } from "../providers/wasm/runtime.ts";
import { podVerdict, runtimeAbilities } from "../provider_fields.ts";
import { podFieldsPage } from "../tools/pod_fields_page.ts";

/** Made by `tools/pod_field_paths.ts`. */
const list = join(import.meta.dirname ?? "", "testdata/pod_fields.txt");
const fields = (await Deno.readTextFile(list)).trim().split("\n")
  .map((line) => line.split(" ") as [path: string, type: string]);
const table = fieldTable();
const rowOf = rowFinder(table);

/** The API itself lets ephemeral containers have none of these. */
const notEphemeral =
  /^spec\.ephemeralContainers\[\]\.(lifecycle|livenessProbe|readinessProbe|startupProbe|ports|resources|resizePolicy|restartPolicy)/;

Deno.test("every field of the Pod API has a row, and every row a field", () => {
  assert.ok(fields.length > 1000);
  const missing = fields.filter(([path]) => rowOf(path) === undefined);
  assert.deepEqual(missing.map(([path]) => path), []);
  const known = new Set(fields.map(([path]) => path));
  const paths = table.flatMap(({ field }) => expandField(field))
    .map((path) => path.replace(/\.\*$/, ""));
  assert.deepEqual(paths.filter((path) => !known.has(path)), []);
  const twice = paths.filter((path, index) => paths.indexOf(path) < index);
  assert.deepEqual(twice, []);
});

Deno.test("the columns of providers differ from rows that exist", () => {
  const rows = new Set(table.map(({ field }) => field));
  for (const name of providerNames) {
    const unknown = Object.keys(fieldColumns[name]).filter((field) =>
      !rows.has(field)
    );
    assert.deepEqual(unknown, [], name);
  }
});

Deno.test("what is refused or ignored has a note that says why", () => {
  const silent = table.filter(({ providers }) =>
    Object.values(providers).some(({ support, note = "" }) =>
      ["refused", "ignored", "depends"].includes(support) && note === ""
    )
  );
  assert.deepEqual(silent.map(({ field }) => field), []);
});

Deno.test("the abilities that explain assumes are those of the runtimes", () => {
  const classes = {
    ssh: SshRuntime,
    wasm: WasmRuntime,
    memory: ProgramRuntime,
  };
  const optional = [
    ...["setVolume", "setImageVolume"] as const,
    ...["exec", "portForward", "dial"] as const,
  ];
  for (const name of providerNames) {
    const has = optional.filter((ability) =>
      ability in classes[name].prototype
    );
    assert.deepEqual(runtimeAbilities[name], has, name);
  }
});

for (const provider of providerNames) {
  Deno.test(`a node of ${provider} refuses and ignores what the table says, and nothing else`, () => {
    const wrong = fields.filter(([path, type]) =>
      type !== "object" && !notEphemeral.test(path)
    ).flatMap(([path, type]) => {
      const { support, unless = [] } = rowOf(path)?.providers[provider] ?? {};
      if (support === "depends") return [];
      const { refused, ignored } = podVerdict(
        podWith(path, sample(type, unless)),
        provider,
        { rootless: false, cgroupVersion: 2, mounts: true },
      );
      const said = has(refused, path)
        ? "refused"
        : has(ignored, path)
        ? "ignored"
        : "taken";
      const silent = support === "refused" || support === "ignored";
      const passes = unless.map((value) =>
        podVerdict(podWith(path, value), provider)
      ).every(({ refused, ignored }) => !has([...refused, ...ignored], path));
      const want = silent ? support : "taken";
      return said === want && passes ? [] : [`${path}: ${said}, not ${want}`];
    });
    assert.deepEqual(wrong, []);
  });
}

/** What depends on the value: one that passes, and one that does not. */
const depending: readonly (readonly [
  provider: "ssh" | "wasm",
  path: string,
  passes: unknown,
  refused: unknown,
])[] = [
  ["ssh", "spec.securityContext.sysctls[].name", "net.ipv4.tcp_rmem", "vm.x"],
  ["ssh", "spec.volumes[].emptyDir.medium", "", "HugePages-2Mi"],
  [
    "ssh",
    "spec.containers[].volumeMounts[].mountPropagation",
    "None",
    "Bidirectional",
  ],
  ["ssh", "spec.containers[].resources.limits", { cpu: "1" }, { gpu: "1" }],
  ["ssh", "spec.containers[].resources.requests", { cpu: "1" }, { gpu: "1" }],
  ["wasm", "spec.containers[].resources.limits", { cpu: "1" }, { gpu: "1" }],
  ["wasm", "spec.containers[].resources.requests", { cpu: "1" }, { gpu: "1" }],
  ["wasm", "spec.resources.limits", undefined, { cpu: "1" }],
  ["wasm", "spec.volumes[].hostPath.type", "File", "Socket"],
  ["wasm", "spec.securityContext.seccompProfile", { type: "RuntimeDefault" }, {
    type: "Localhost",
  }],
  ["wasm", "spec.containers[].securityContext.appArmorProfile", {
    type: "Unconfined",
  }, { type: "Localhost" }],
];
for (const [provider, path, passes, refused] of depending) {
  Deno.test(`a node of ${provider} looks at the value of ${path}`, () => {
    const row = rowOf(path) ?? rowOf(`${path}{}`);
    assert.equal(row?.providers[provider].support === "ok", false);
    const verdict = (value: unknown) =>
      podVerdict(podWith(path, value), provider).refused.some(({ field }) =>
        normal(field).startsWith(path)
      );
    assert.deepEqual([verdict(passes), verdict(refused)], [false, true]);
  });
}

Deno.test("what depends on the host is refused where the engine is rootless", () => {
  const traits = { rootless: true, cgroupVersion: 1, mounts: false } as const;
  const cases: readonly (readonly [string, unknown])[] = [
    ["spec.containers[].securityContext.privileged", true],
    ["spec.containers[].ports[].hostPort", 80],
    ["spec.volumes[].emptyDir.medium", "Memory"],
    ["spec.containers[].resources.limits{}", "1"],
  ];
  for (const [path, value] of cases) {
    const pod = podWith(path, value);
    assert.ok(has(podVerdict(pod, "ssh", traits).refused, path), path);
    assert.deepEqual(podVerdict(pod, "ssh").refused, []);
  }
});

/** Whether something is said of the field, or of one that it is part of. */
function has(
  said: readonly { readonly field: string }[],
  path: string,
): boolean {
  return said.some(({ field }) => {
    const at = normal(field);
    return path === at ||
      [".", "[]", "{}"].some((end) => path.startsWith(at + end));
  });
}

function normal(field: string): string {
  return field.replaceAll(/\[\d+\]/g, "[]").replaceAll(/\[[^\]]+\]/g, "{}");
}

/** A value that is none of `unless`. */
function sample(type: string, unless: readonly unknown[]): unknown {
  if (type === "boolean") return !unless.includes(true);
  return type === "integer" ? 1 : "1";
}

/** A pod with one container that says this and nothing else. */
function podWith(path: string, value: unknown): Pod {
  const given = nested(path.split("."), value) as {
    readonly metadata?: object;
    readonly spec?: { readonly containers?: readonly [object] };
  };
  const [container] = given.spec?.containers ?? [{}];
  return {
    metadata: { ...given.metadata },
    spec: {
      ...given.spec,
      containers: [{ name: "app", image: "app", ...container }],
    },
  };
}

function nested([part, ...rest]: readonly string[], value: unknown): unknown {
  if (part === undefined) return value;
  const inner = nested(rest, value);
  if (part.endsWith("[]")) return { [part.slice(0, -2)]: [inner] };
  if (part.endsWith("{}")) return { [part.slice(0, -2)]: { cpu: inner } };
  return { [part]: inner };
}

Deno.test("docs/pod-fields.md is what deno task docs makes of the table", async () => {
  const page = join(import.meta.dirname ?? "", "../docs/pod-fields.md");
  assert.equal(await Deno.readTextFile(page), podFieldsPage());
});
