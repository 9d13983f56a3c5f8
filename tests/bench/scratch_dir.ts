import { eventually } from "../agent_process.ts";

/** A directory that is removed when disposed, once the processes of a killed agent are gone too. */
export async function scratchDir(): Promise<
  AsyncDisposable & { readonly path: string }
> {
  const path = await Deno.makeTempDir();
  return {
    path,
    [Symbol.asyncDispose]: () =>
      eventually(() => Deno.remove(path, { recursive: true })),
  };
}
