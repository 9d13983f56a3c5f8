import { messageOf } from "../async/message_of.ts";
import { dirname, isAbsolute, join } from "node:path";
import { ConfigError } from "../async/config_error.ts";

/** One entry of a kubeconfig, and where it stands. */
export class ConfigEntry {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The kubeconfig that has this entry; files named in it are relative to its folder. */
  readonly file: string;
  /** As in `clusters[kind].cluster`. */
  readonly path: string;

  constructor(file: string, path: string, fields: unknown) {
    this.file = file;
    this.path = path;
    if (!isRecord(fields)) {
      throw new ConfigError(
        `Cannot use kubeconfig "${file}": ${path} must be a mapping`,
      );
    }
    this.fields = fields;
  }

  /** A text; undefined if absent or empty. */
  text(field: string): string | undefined {
    const value = this.fields[field];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value === "string") return value;
    throw this.error(field, "must be a text");
  }

  /** A text that must be there. */
  required(field: string, remedy: string): string {
    const value = this.text(field);
    if (value === undefined) throw this.error(field, `is missing: ${remedy}`);
    return value;
  }

  /** Whether the field is `true`. */
  flag(field: string): boolean {
    return this.fields[field] === true;
  }

  /** Whatever the field has. */
  raw(field: string): unknown {
    return this.fields[field] ?? undefined;
  }

  /** The mapping in the field; undefined if absent. */
  entry(field: string): ConfigEntry | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    return new ConfigEntry(this.file, `${this.path}.${field}`, value);
  }

  /** The PEM in `<field>-data` (base64), or in the file named by `<field>`; the former wins. */
  async pem(field: string): Promise<string | undefined> {
    const data = this.text(`${field}-data`);
    if (data === undefined) return await this.fileText(field);
    try {
      return atob(data.replace(/\s/g, ""));
    } catch (cause) {
      throw this.error(`${field}-data`, "must be base64", { cause });
    }
  }

  /** The path of the file that the field names. */
  filePath(field: string): string | undefined {
    const path = this.text(field);
    if (path === undefined || isAbsolute(path)) return path;
    return join(dirname(this.file), path);
  }

  /** What is in the file that the field names. */
  async fileText(field: string): Promise<string | undefined> {
    const path = this.filePath(field);
    if (path === undefined) return undefined;
    try {
      return await Deno.readTextFile(path);
    } catch (cause) {
      const why = `names "${path}", which ${unreadable(cause)}`;
      throw this.error(field, why, { cause });
    }
  }

  error(field: string, why: string, options?: ErrorOptions): ConfigError {
    return new ConfigError(
      `Cannot use kubeconfig "${this.file}": ${this.path}.${field} ${why}`,
      options,
    );
  }
}

/** What one or more kubeconfig files say together; of entries of the same name the first wins. */
export interface Kubeconfig {
  /** The file to name in errors: the first. */
  readonly file: string;
  readonly currentContext: string | undefined;
  readonly contexts: ReadonlyMap<string, ConfigEntry>;
  readonly clusters: ReadonlyMap<string, ConfigEntry>;
  readonly users: ReadonlyMap<string, ConfigEntry>;
}

/**
 * Reads kubeconfig files as kubectl does.
 *
 * @param files At least one.
 * @throws {ConfigError} If one cannot be read or is no kubeconfig.
 */
export async function readKubeconfig(
  files: readonly [string, ...string[]],
): Promise<Kubeconfig> {
  let currentContext: string | undefined;
  const contexts = new Map<string, ConfigEntry>();
  const clusters = new Map<string, ConfigEntry>();
  const users = new Map<string, ConfigEntry>();
  for (const file of files) {
    const root = await readRoot(file);
    currentContext ??= root.text("current-context");
    addEntries(contexts, root, "contexts", "context");
    addEntries(clusters, root, "clusters", "cluster");
    addEntries(users, root, "users", "user");
  }
  return { file: files[0], currentContext, contexts, clusters, users };
}

async function readRoot(file: string): Promise<ConfigEntry> {
  const text = await readConfigText(file);
  // Not needed in a cluster, where it would only cost memory.
  const { parseYaml } = await import("../async/yaml_file.ts");
  const [root] = parseYaml(text, file);
  if (!isRecord(root)) {
    throw new ConfigError(
      root === null || root === undefined
        ? `Cannot use kubeconfig "${file}": it is empty`
        : `Cannot use kubeconfig "${file}": it is not a mapping of clusters, users and contexts`,
    );
  }
  return new ConfigEntry(file, "", root);
}

async function readConfigText(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new ConfigError(
      `Cannot use kubeconfig "${file}": it ${
        unreadable(cause)
      }; name another with --kubeconfig or KUBECONFIG`,
      { cause },
    );
  }
}

function addEntries(
  entries: Map<string, ConfigEntry>,
  root: ConfigEntry,
  list: string,
  field: string,
): void {
  const items = root.raw(list) ?? [];
  if (!Array.isArray(items)) {
    throw new ConfigError(
      `Cannot use kubeconfig "${root.file}": ${list} must be a list`,
    );
  }
  for (const [index, fields] of items.entries()) {
    const item = new ConfigEntry(root.file, `${list}[${index}]`, fields);
    const name = item.required("name", "give it a name");
    if (entries.has(name)) continue;
    const path = `${list}[${name}].${field}`;
    entries.set(name, new ConfigEntry(root.file, path, item.raw(field) ?? {}));
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Completes "it …". */
function unreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "does not exist";
  if (error instanceof Deno.errors.PermissionDenied) return "may not be read";
  if (error instanceof Deno.errors.IsADirectory) return "is a directory";
  return `cannot be read: ${messageOf(error)}`;
}
