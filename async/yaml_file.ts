import { messageOf } from "./message_of.ts";
import {
  Document,
  isScalar,
  parseAllDocuments,
  parseDocument,
  visit,
} from "yaml";
import { ConfigError } from "./config_error.ts";

/**
 * Reads a file of YAML (or JSON) documents; empty documents are left out.
 *
 * @throws ConfigError when the file cannot be read or is not YAML.
 */
export async function readYamlFile(path: string): Promise<readonly unknown[]> {
  return parseYaml(new TextDecoder().decode(await readBytes(path)), path);
}

/**
 * The documents of `text`, read as kubectl does: YAML 1.1, so `0644` is octal and `yes` is true,
 * but without its dates and base-60 numbers. Empty documents are left out.
 *
 * @param source Names the text in errors: a file's path.
 * @throws ConfigError with line and column when the text is not YAML.
 */
export function parseYaml(text: string, source: string): readonly unknown[] {
  try {
    const documents = parseAllDocuments(text, {
      version: "1.1",
      customTags: (tags) =>
        tags.filter((tag) =>
          typeof tag === "string" ||
          !(tag.tag.endsWith(":timestamp") || tag.format === "TIME")
        ),
    });
    return documents.map((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw error;
      return document.toJS();
    }).filter((document) => document !== null);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    // The lines after the first quote the file, which may hold secrets.
    const why = cause.message.split("\n")[0]?.replace(/:$/, "");
    throw new ConfigError(`Cannot use "${source}": it is not YAML: ${why}`, {
      cause,
    });
  }
}

/** `value` as a YAML document as kubectl writes it, with a line end. */
export function formatYaml(value: unknown): string {
  const document = new Document(value, { version: "1.1" });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === "string" && isAmbiguous(node.value)) {
        node.type = "QUOTE_DOUBLE";
      }
    },
  });
  return document.toString({
    indentSeq: false,
    lineWidth: 0,
    singleQuote: true,
  });
}

/** Whether a reader of YAML 1.1 would take it for something else than text: `true`, `017`, ``. */
function isAmbiguous(text: string): boolean {
  if (text.length > 40 || text.includes("\n")) return false;
  const { errors, contents } = parseDocument(text, { version: "1.1" });
  if (errors.length > 0) return false;
  return contents === null ||
    (isScalar(contents) && typeof contents.value !== "string");
}

/**
 * The content of a file that the operator named.
 *
 * @throws ConfigError when it cannot be read.
 */
async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/**
 * A file that the operator named, to be read.
 *
 * @throws ConfigError when it cannot be opened.
 */
export async function openNamed(path: string): Promise<Deno.FsFile> {
  try {
    const { isDirectory } = await Deno.stat(path);
    if (isDirectory) throw new Deno.errors.IsADirectory();
    return await Deno.open(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): ConfigError {
  const why = whyUnreadable(cause);
  return new ConfigError(`Cannot read "${path}": ${why}`, { cause });
}

function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "permission denied";
  }
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  return messageOf(error);
}
