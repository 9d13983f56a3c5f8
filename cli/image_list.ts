import { formatYaml } from "../async/yaml_file.ts";
import type { StoredModule } from "../providers/wasm/modules.ts";
import { Table } from "./table.ts";

/** The images of a store as `farlet image list` prints them; nothing where there are none. */
export function formatImages(
  stored: readonly StoredModule[],
  format?: "json" | "yaml",
): string {
  const images = shown(stored);
  switch (format) {
    case "json":
      return `${JSON.stringify(images.map(documentOf), undefined, 4)}\n`;
    case "yaml":
      return formatYaml(images.map(documentOf));
    case undefined:
      if (images.length === 0) return "";
      return new Table().format([
        ["NAME", "DIGEST", "SIZE", "FROM"],
        ...images.map(rowOf),
      ]);
  }
}

/** One image in a line, as it is said when it has come. */
export function describeImage(image: StoredModule): string {
  const [name = "", digest = "", size = ""] = rowOf(image);
  return `${name}  ${digest}  ${size}`;
}

/** A name by digest counts where the image has no other. */
function shown(stored: readonly StoredModule[]): readonly StoredModule[] {
  const tagged = new Set(
    stored.filter(({ name }) => !name.includes("@"))
      .map(({ pulled }) => pulled?.imageId),
  );
  return stored.filter(({ name, pulled }) =>
    !name.includes("@") || !tagged.has(pulled?.imageId)
  );
}

function rowOf(
  { name, digest, sizeBytes, pulled }: StoredModule,
): readonly string[] {
  return [
    name,
    digest.slice(0, 19),
    `${(sizeBytes / 1000).toFixed(0)} kB`,
    pulled === undefined ? "file" : "registry",
  ];
}

function documentOf({ name, digest, sizeBytes, pulled }: StoredModule) {
  return {
    name,
    digest,
    sizeBytes,
    ...(pulled && { imageID: pulled.imageId, pulledAt: pulled.at }),
  };
}
