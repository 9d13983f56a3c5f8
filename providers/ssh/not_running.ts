import { EngineError } from "./engine/engine_error.ts";

/** Settles as `request` does, but with `Deno.errors.NotFound` where the container does not run. */
export async function notRunning<T>(
  container: string,
  request: Promise<T>,
): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof EngineError) || !tellsSo(error)) throw error;
    throw new Deno.errors.NotFound(
      `Cannot connect to container ${container}: it does not run`,
      { cause: error },
    );
  }
}

/** Docker answers 404 and 409; Podman also 500, with words. */
function tellsSo({ status, engineMessage }: EngineError): boolean {
  if (status === 404 || status === 409) return true;
  return /not running|running containers|state improper|no such (container|exec)/i
    .test(engineMessage);
}
