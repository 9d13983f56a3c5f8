/** A host has nothing that runs containers, or nothing that farlet's user may use. */
export class NoEngineError extends Error {
  override readonly name = "NoEngineError";
}
