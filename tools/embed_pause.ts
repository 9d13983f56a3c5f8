/**
 * Builds the program of the pause image for every architecture and writes it where the binary
 * takes it from. See providers/ssh/pause/build.sh for the compilers it needs.
 *
 *     deno run -A tools/embed_pause.ts
 */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";

const folder = join(import.meta.dirname ?? ".", "../providers/ssh/pause");
const architectures = ["amd64", "arm", "arm64", "riscv64"];

const built = await Deno.makeTempDir();
try {
  const command = new Deno.Command("sh", {
    args: [join(folder, "build.sh"), built],
  });
  const { code } = await command.spawn().status;
  if (code !== 0) Deno.exit(code);
  const programs = await Promise.all(architectures.map(async (architecture) => {
    const program = await Deno.readFile(join(built, `pause-${architecture}`));
    const packed = Buffer.from(deflateRawSync(program, { level: 9 }));
    return `  ${architecture}:\n    "${packed.toString("base64")}",\n`;
  }));
  await Deno.writeTextFile(
    join(folder, "programs.ts"),
    `// Written by tools/embed_pause.ts.

/** The architectures that the pause image is made for, as Go and Kubernetes name them. */
export type PauseArchitecture = keyof typeof packedPrograms;

/** The program of the pause image for each architecture: base64 of raw deflate. */
export const packedPrograms = {
${programs.join("")}} as const;
`,
  );
} finally {
  await Deno.remove(built, { recursive: true });
}
