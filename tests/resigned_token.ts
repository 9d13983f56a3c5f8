/** For tests: `token` (a JWT) with other times, signed anew with an RSA key (PKCS #8, PEM). */
export async function resignedToken(
  token: string,
  keyPem: string,
  { expiresInSeconds }: { readonly expiresInSeconds: number },
): Promise<string> {
  const [header = "", payload = ""] = token.split(".");
  const claims = JSON.parse(new TextDecoder().decode(fromBase64Url(payload)));
  const expiry = Math.floor(Date.now() / 1000) + expiresInSeconds;
  const changed = {
    ...claims,
    exp: expiry,
    iat: expiry - 3600,
    nbf: expiry - 3600,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(changed));
  const signed = `${header}.${toBase64Url(bytes)}`;
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key = await crypto.subtle.importKey(
    "pkcs8",
    fromBase64Url(keyPem.replaceAll(/-----[^-]*-----|\s/g, "")),
    algorithm,
    false,
    ["sign"],
  );
  const text = new TextEncoder().encode(signed);
  const signature = await crypto.subtle.sign(algorithm, key, text);
  return `${signed}.${toBase64Url(new Uint8Array(signature))}`;
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-")
    .replaceAll("/", "_").replaceAll("=", "");
}
