import type { AbortOptions } from "../../async/abort.ts";
import type { KeptText } from "../runtime.ts";
import type { Host } from "./host.ts";
import type { HostLayout } from "./host_layout.ts";
import { runScript } from "./host_script.ts";

/** What {@linkcode ImageAccessFile} works with. */
export interface ImageAccessParts {
  readonly host: Host;
  /** Where farlet's files for the node are. */
  readonly layout: (options: AbortOptions) => Promise<HostLayout>;
}

const readScript = `if [ -e "$1" ]; then cat "$1"; fi`;
/** A temporary file of its own: another agent may have been cut off from here. */
const writeScript = `
temporary=$1.$2
trap 'rm -f "$temporary"' EXIT
cat >"$temporary"
replace "$temporary" "$1"
`;
/** More than the record may grow to. */
const maxBytes = 16 * 1024 * 1024;

/** The file on a host, for its user only, that tells which pods may use which images. */
export class ImageAccessFile implements KeptText {
  readonly #parts: ImageAccessParts;

  constructor(parts: ImageAccessParts) {
    this.#parts = parts;
  }

  async read(options: AbortOptions): Promise<string> {
    return await runScript(this.#parts.host, readScript, {
      action: "read which pods may use which images",
      args: [await this.#path(options)],
      maxOutputBytes: maxBytes,
      ...options,
    });
  }

  async write(text: string, options: AbortOptions): Promise<void> {
    await runScript(this.#parts.host, writeScript, {
      action: "write which pods may use which images",
      args: [await this.#path(options), crypto.randomUUID()],
      stdin: text,
      ...options,
    });
  }

  async #path(options: AbortOptions): Promise<string> {
    const { directory } = await this.#parts.layout(options);
    return `${directory}/image-access.json`;
  }
}
