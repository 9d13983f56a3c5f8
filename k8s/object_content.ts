/** The bytes of a value of `data` in a Secret or of `binaryData`; a TypeError for bad base64. */
export function decodeBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (error) {
    throw new TypeError("Cannot decode a value: it is not base64", {
      cause: error,
    });
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** Text as base64 of its UTF-8, as the API has it in `data` of a Secret. */
export function encodeBase64(text: string): string {
  return btoa(
    Array.from(
      new TextEncoder().encode(text),
      (byte) => String.fromCharCode(byte),
    ).join(""),
  );
}

/** The text of a value of `data` in a Secret; what is not UTF-8 becomes U+FFFD. */
export function decodeText(base64: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    decodeBase64(base64),
  );
}
