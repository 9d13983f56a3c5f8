/**
 * Writes a file that only its owner may read, so that readers see the old content or the new one.
 */
export async function writePrivateFile(
  path: string,
  text: string,
): Promise<void> {
  const next = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.writeTextFile(next, text, { mode: 0o600, createNew: true });
    await Deno.rename(next, path);
  } catch (error) {
    await Deno.remove(next).catch(() => undefined); // It may not have come into being.
    throw error;
  }
}
