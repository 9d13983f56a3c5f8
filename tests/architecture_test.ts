import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import project from "../deno.json" with { type: "json" };

const root = join(import.meta.dirname ?? ".", "..");

/** A module of the tree, and what it imports. */
interface Module {
  /** Relative to the root, such as `pods/plan.ts`. */
  readonly path: string;
  readonly text: string;
  /** Paths of this tree and names of packages. */
  readonly imports: readonly string[];
}

/**
 * Which folder may import what besides itself; a prefix that ends in `/*` means the files of that
 * folder but not of folders below it. Files at the root, `cli/` and tests may import everything.
 */
const arrows: Readonly<Record<string, readonly string[]>> = {
  "async": [],
  "k8s": ["async/"],
  "providers": ["k8s/", "async/"],
  "providers/memory": ["providers/*", "k8s/", "async/"],
  "providers/wasm": [
    "providers/wasm/registry/",
    "providers/wasm/p2/",
    "providers/wasm/wasmtime/",
    "providers/*",
    "k8s/",
    "async/",
  ],
  "providers/wasm/wasmtime": ["providers/wasm/*", "providers/*", "async/"],
  "providers/wasm/p2": ["providers/wasm/*", "providers/*", "async/"],
  "providers/wasm/registry": ["providers/*", "k8s/", "async/"],
  "providers/ssh": [
    "providers/ssh/transport/",
    "providers/ssh/engine/",
    "providers/ssh/pause/",
    "providers/*",
    "k8s/",
    "async/",
  ],
  "providers/ssh/transport": ["providers/ssh/*", "providers/*", "async/"],
  "providers/ssh/pause": [],
  "providers/ssh/engine": ["providers/ssh/*", "providers/*", "async/"],
  "pods": ["providers/*", "k8s/", "async/"],
  "node": ["providers/*", "k8s/", "async/"],
  "kubelet": [
    "kubelet/streaming/",
    "kubelet/stats/",
    "pods/",
    "providers/*",
    "k8s/",
    "async/",
  ],
  "kubelet/streaming": ["kubelet/*", "providers/*", "k8s/", "async/"],
  "kubelet/stats": ["kubelet/*", "pods/", "providers/*", "k8s/", "async/"],
};

/** Who may import a package: one file or folder, or the exceptions that are listed with a reason. */
const packages: Readonly<Record<string, readonly string[]>> = {
  "@kubernetes/client-node": ["k8s/"],
  "@logtape/logtape": ["async/log.ts"],
  "@peculiar/x509": ["kubelet/"],
  "commander": ["cli/"],
  "fzstd": ["providers/wasm/registry/zstd.ts"],
  "hono": ["kubelet/"],
  "kubernetes-types": ["k8s/types.ts"],
  "reflect-metadata": ["kubelet/"],
  "ssh-config": ["providers/ssh/transport/ssh_config_values.ts"],
  "ssh2": ["providers/ssh/transport/ssh_client.ts"],
  "yaml": ["async/yaml_file.ts"],
  // Schemas stand where text comes in: configuration, manifests, queries of the kubelet API.
  "zod": [
    "config_eviction.ts",
    "config_schema.ts",
    "config_shutdown.ts",
    "config_node.ts",
    "config_fields.ts",
    "manifests.ts",
    "kubelet/",
    "providers/ssh/",
    "providers/wasm/registry/",
  ],
};

const modules = await readModules();
const product = modules.filter(({ path }) => !isTest(path));

Deno.test("every folder imports only what its arrows allow", () => {
  const broken = product.flatMap(({ path, imports }) => {
    const allowed = arrows[dirname(path)];
    if (allowed === undefined) return [];
    return imports.filter((target) =>
      target.endsWith(".ts") && dirname(target) !== dirname(path) &&
      !allowed.some((prefix) => matches(target, prefix))
    ).map((target) => `${path} -> ${target}`);
  });
  assert.deepEqual(broken, []);
});

Deno.test("every folder with modules has its arrows", () => {
  const folders = new Set(product.map(({ path }) => dirname(path)));
  const known = [...Object.keys(arrows), ".", "cli"];
  const ruled = [...folders].filter((folder) =>
    !known.includes(folder) && !/^(examples|tools|bench)(\/|$)/.test(folder)
  );
  assert.deepEqual(ruled, []);
});

Deno.test("nothing imports the entry points, and only main.ts imports cli/", () => {
  const broken = product.flatMap(({ path, imports }) =>
    imports.filter((target) =>
      target === "main.ts" || (target === "mod.ts" && isShipped(path)) ||
      (target.startsWith("cli/") && path !== "main.ts" &&
        !path.startsWith("cli/"))
    ).map((target) => `${path} -> ${target}`)
  );
  assert.deepEqual(broken, []);
});

Deno.test("every package is imported where it is listed, and nowhere else", () => {
  const broken = product.filter(({ path }) => isShipped(path))
    .flatMap(({ path, imports }) =>
      imports.map(packageOf).filter((name) =>
        name !== undefined &&
        !packages[name]?.some((place) => matches(path, place))
      ).map((name) => `${path} -> ${name}`)
    );
  assert.deepEqual(broken, []);
});

Deno.test("every package of deno.json is used, and in no other version", () => {
  const used = new Set(
    modules.flatMap(({ imports }) => imports.map(packageOf)),
  );
  const unused = Object.keys(project.imports).filter((name) =>
    !used.has(name) && !name.startsWith("@types/")
  );
  assert.deepEqual(unused, []);
  const inline = modules.filter(({ imports }) =>
    imports.some((target) => /^(npm|jsr|https?):/.test(target))
  );
  assert.deepEqual(inline.map(({ path }) => path), []);
  for (const [name, specifier] of Object.entries(project.imports)) {
    assert.match(specifier, /^npm:.+@\d+\.\d+\.\d+$/, name);
  }
});

Deno.test("zod is imported as a namespace: its `z` brings 340 kB of languages", () => {
  assert.deepEqual(using(/import \{[^}]*\} from "zod"/, []), []);
});

Deno.test("no import cycle crosses files, types aside", () => {
  const edges = new Map(
    product.map((module) => [module.path, valueImports(module)]),
  );
  const cycles: string[] = [];
  const done = new Set<string>();
  function visit(path: string, trail: readonly string[]): void {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      return;
    }
    if (done.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  }
  for (const path of edges.keys()) visit(path, []);
  assert.deepEqual(cycles, []);
});

Deno.test("no file is longer than 400 lines", () => {
  const long = modules.filter(({ text }) => text.split("\n").length > 401);
  assert.deepEqual(long.map(({ path }) => path), []);
});

Deno.test("timers are set in async/ only", () => {
  assert.deepEqual(using(/\bset(Timeout|Interval)\(/, ["async/"]), []);
});

Deno.test("arguments, environment and exit of the process belong to main.ts", () => {
  // A runner is a process of its own, which ends as its guest does.
  const rim = ["main.ts", "providers/wasm/runner.ts"];
  assert.deepEqual(using(/\bDeno\.(args|env|exit)\b/, rim), []);
});

Deno.test("no module has a default export or is a barrel", () => {
  assert.deepEqual(using(/^export default\b/m, []), []);
  assert.deepEqual(using(/^export \*|^export \{[^}]*\} from/m, ["mod.ts"]), []);
});

/** The shipped modules outside `allowed` whose code, comments aside, has `pattern` in it. */
function using(pattern: RegExp, allowed: readonly string[]): readonly string[] {
  return product.filter(({ path, text }) =>
    isShipped(path) && !allowed.some((place) => matches(path, place)) &&
    pattern.test(withoutComments(text))
  ).map(({ path }) => path);
}

function isTest(path: string): boolean {
  return /(^|\/)test_[^/]*$|_test\.ts$|^tests\//.test(path);
}

function isShipped(path: string): boolean {
  return !/^(examples|tools|bench|tests)\//.test(path);
}

function matches(path: string, place: string): boolean {
  if (place.endsWith("/*")) return dirname(path) === place.slice(0, -2);
  return place.endsWith("/") ? path.startsWith(place) : path === place;
}

function packageOf(target: string): string | undefined {
  if (target.endsWith(".ts") || target.endsWith(".json")) return undefined;
  if (target.startsWith("node:")) return undefined;
  return target.split("/").slice(0, target.startsWith("@") ? 2 : 1).join("/");
}

function valueImports({ path, text }: Module): readonly string[] {
  const statements = text.matchAll(
    /^(?:import|export) (?!type\b)[^"']*?from "(\.[^"]+\.ts)"/gm,
  );
  return [...statements].map(([, target = ""]) => join(dirname(path), target));
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "");
}

async function readModules(): Promise<readonly Module[]> {
  const found: Module[] = [];
  for await (const file of files(root)) {
    const path = relative(root, file);
    const text = await Deno.readTextFile(file);
    const specifiers = text.matchAll(
      /(?:\bfrom|^import|\bimport\(|\bimport\.meta\.resolve\()\s*"([^"]+)"/gm,
    );
    const imports = [...specifiers].map(([, target = ""]) =>
      target.startsWith(".") ? join(dirname(path), target) : target
    );
    found.push({ path, text, imports });
  }
  return found;
}

async function* files(dir: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    const path = join(dir, name);
    if (isDirectory) {
      const skipped = /^(\..*|dist|coverage|node_modules)$/.test(name);
      if (!skipped) yield* files(path);
    } else if (name.endsWith(".ts")) yield path;
  }
}
