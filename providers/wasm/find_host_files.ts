import type { HostFiles } from "./host_files.ts";
import { LibcFiles } from "./libc_files.ts";
import { NodeFiles, nodeHasRealDescriptors } from "./node_files.ts";

/** The files that this version of Deno can offer. Throws where it can offer none. */
export function findHostFiles(): HostFiles {
  return nodeHasRealDescriptors() ? new NodeFiles() : new LibcFiles();
}
