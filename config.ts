import { homedir, hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ConfigError } from "./async/config_error.ts";
import {
  type AgentConfig,
  agentConfigSchema,
  configHeader,
} from "./config_schema.ts";
import {
  type Environment,
  type FieldPath,
  settings,
} from "./config_settings.ts";
import { defaultTaint } from "./node/default_taint.ts";
import { readYamlFile } from "./async/yaml_file.ts";

/** Where a configuration comes from; flags beat the environment, which beats the file. */
export interface ConfigSources {
  readonly file?: string | undefined;
  /** In place of a file: what would stand in it, with absolute paths. */
  readonly document?: unknown;
  /** Values by setting (`--node-ip <address>`), as the command line gave them. */
  readonly flags: ReadonlyMap<string, string | readonly string[]>;
  readonly env: Environment;
}

/**
 * The agent's configuration.
 *
 * @throws ConfigError that names the file, flag or variable, the field and the remedy.
 */
export async function loadConfig(
  { file, document: given = configHeader, flags, env }: ConfigSources,
): Promise<AgentConfig> {
  const schema = agentConfigSchema({
    baseDir: file === undefined ? Deno.cwd() : dirname(resolve(file)),
    defaultStateDir: defaultStateDir(env),
  });
  const named = withNodeNames(
    file === undefined ? given : await readDocument(file),
  );
  // Checked alone first: the overrides may then rely on its shape.
  if (file !== undefined) parse(schema, named, new Map(), `"${file}"`);
  const fromEnv = overridesFromEnv(env);
  const fromFlags = overridesFromFlags(flags);
  const provider =
    [...fromEnv, ...fromFlags].findLast(({ path }) =>
      fieldName(path) === "nodes[0].provider"
    )?.value ?? fieldOf(named, ["nodes", 0, "provider"]) ?? "wasm";
  const overrides = [
    ...fromEnv,
    ...taintFromEnv(env, `${provider}`),
    ...fromFlags,
  ];
  const nodes = fieldOf(named, ["nodes"]);
  const count = Array.isArray(nodes) ? nodes.length : 1;
  const ofOne = overrides.find(({ path: [list, , field] }) =>
    list === "nodes" && !ofEveryNode.includes(field)
  );
  if (ofOne !== undefined && count > 1) {
    throw new ConfigError(
      `Cannot use ${ofOne.origin}: there are ${count} nodes, and it is not said which one is meant; set the field in the file`,
    );
  }
  let document = named;
  for (const { path, value } of overrides) {
    const [list, , field] = path;
    const times = list === "nodes" && ofEveryNode.includes(field) ? count : 1;
    for (let index = 0; index < times; index++) {
      const at = times === 1 ? path : path.with(1, index);
      document = withField(document, at, value);
    }
  }
  const origins = new Map(
    overrides.map(({ path, origin }) => [fieldName(path), origin]),
  );
  return parse(schema, document, origins, "the host name as the node's name");
}

/** Fields of a node that a flag or the environment sets for all of them. */
const ofEveryNode: readonly unknown[] = ["ip", "taints", "eviction"];

/** Where commands that read no configuration find the state: as the environment says. */
export function stateDirFrom(env: Environment): string {
  const stateDir = env["FARLET_STATE_DIR"];
  return stateDir ? resolve(stateDir) : defaultStateDir(env);
}

/** `/var/lib/farlet` for root, else below the user's own directory for state. */
function defaultStateDir(env: Environment): string {
  if (Deno.uid() === 0) return "/var/lib/farlet";
  const states = env["XDG_STATE_HOME"] || env["LOCALAPPDATA"] ||
    join(homedir(), ".local", "state");
  return join(states, "farlet");
}

async function readDocument(file: string): Promise<unknown> {
  const [document, ...more] = await readYamlFile(file);
  if (document === undefined || more.length > 0) {
    throw new ConfigError(
      `Cannot use "${file}": expected one AgentConfiguration; ` +
        "`farlet print config` shows one",
    );
  }
  return withoutNulls(document);
}

/** A field that a flag or the environment decides. */
interface Override {
  readonly path: FieldPath;
  readonly value: unknown;
  /** Names the flag or the variable. */
  readonly origin: string;
}

function overridesFromEnv(env: Environment): readonly Override[] {
  return settings.flatMap(({ path, env: names, read = String }) => {
    const origin = names.find((name) => env[name]);
    const text = origin === undefined ? undefined : env[origin];
    if (origin === undefined || text === undefined) return [];
    return [{ path, value: read(text), origin }];
  });
}

/** Virtual Kubelet's variables; the parts that are not set are those of the default taint. */
function taintFromEnv(env: Environment, provider: string): readonly Override[] {
  const names = {
    key: "VKUBELET_TAINT_KEY",
    value: "VKUBELET_TAINT_VALUE",
    effect: "VKUBELET_TAINT_EFFECT",
  };
  const parts = Object.entries(names).filter(([, name]) => env[name]);
  if (parts.length === 0) return [];
  const taint = Object.fromEntries(
    parts.map(([part, name]) => [part, env[name]]),
  );
  return [{
    path: ["nodes", 0, "taints"],
    value: [{ ...defaultTaint(provider), ...taint }],
    origin: parts.map(([, name]) => name).join(", "),
  }];
}

function overridesFromFlags(
  flags: ConfigSources["flags"],
): readonly Override[] {
  return settings.flatMap(({ path, flag, read = String }) => {
    const value = flag === undefined ? undefined : flags.get(flag);
    if (flag === undefined || value === undefined) return [];
    return [{
      path,
      value: typeof value === "string"
        ? read(value)
        : value.map((text) => read(text)),
      origin: flag.split(" ")[0] ?? flag,
    }];
  });
}

function parse(
  schema: ReturnType<typeof agentConfigSchema>,
  document: unknown,
  origins: ReadonlyMap<string, string>,
  otherOrigin: string,
): AgentConfig {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => {
    const field = fieldName(path);
    const origin = [...origins].find(([name]) => field.startsWith(name));
    const where = field === "" ? "" : `${field}: `;
    return `Cannot use ${origin?.[1] ?? otherOrigin}: ${where}${message}`;
  });
  throw new ConfigError(problems.join("\n"), { cause: result.error });
}

/** Fills in the host name where the document names no node: this machine's, or the SSH host's. */
function withNodeNames(document: unknown): unknown {
  if (!isRecord(document) || Array.isArray(document)) return document;
  const nodes = fieldOf(document, ["nodes"]) ?? [{}];
  if (!Array.isArray(nodes)) return document;
  return {
    ...document,
    nodes: nodes.map((node: unknown) => {
      if (!isRecord(node) || Array.isArray(node)) return node;
      const host = fieldOf(node, ["ssh", "host"]);
      const name = typeof host === "string" ? host : hostname();
      return { name: name.toLowerCase(), ...node };
    }),
  };
}

function fieldOf(value: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>(
    (value, part) => isRecord(value) ? value[part] : undefined,
    value,
  );
}

/** A copy of `value` with the field at `path` replaced; what is missing on the way is made. */
function withField(
  value: unknown,
  [head, ...rest]: FieldPath,
  leaf: unknown,
): unknown {
  if (head === undefined) return leaf;
  if (typeof head === "number") {
    const list: unknown[] = Array.isArray(value) ? [...value] : [];
    list[head] = withField(list[head], rest, leaf);
    return list;
  }
  const record = isRecord(value) ? value : {};
  return { ...record, [head]: withField(record[head], rest, leaf) };
}

/** YAML's `labels:` with nothing below is null and means "not set"; for taints it means none. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, field]) => [
        key,
        key === "taints" && field === null ? [] : withoutNulls(field),
      ])
      .filter(([, field]) => field !== null),
  );
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}

/** `["nodes", 0, "ip"]` as `nodes[0].ip`. */
function fieldName(path: FieldPath): string {
  return path.map((part) =>
    typeof part === "number" ? `[${part}]` : `.${String(part)}`
  ).join("").replace(/^\./, "");
}
