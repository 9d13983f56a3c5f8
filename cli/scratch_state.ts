import { join } from "node:path";

/**
 * A state directory for one `farlet run`, removed with its scope, so that any number of them may
 * run beside each other and beside an agent. They can share the modules of `stateDir`.
 */
export async function createScratchState(
  stateDir: string,
  { sharesModules }: { readonly sharesModules: boolean },
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "farlet-run-" });
  const remove = () => Deno.remove(path, { recursive: true });
  const scratch = { path, [Symbol.asyncDispose]: remove };
  if (!sharesModules) return scratch;
  try {
    await Deno.mkdir(join(stateDir, "modules"), {
      recursive: true,
      mode: 0o700,
    });
    await Deno.symlink(join(stateDir, "modules"), join(path, "modules"), {
      type: "dir",
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return scratch;
}
