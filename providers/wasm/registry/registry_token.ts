import type { AbortOptions } from "../../../async/abort.ts";
import type { RegistryCredentials } from "../../runtime.ts";
import type { AuthChallenge } from "./auth_challenge.ts";
import { RegistryError, registryMessage } from "./registry_error.ts";
import { readAll, request } from "./registry_transport.ts";

/** Options for {@linkcode fetchToken}. */
export interface TokenRequest {
  readonly challenge: AuthChallenge & { readonly kind: "bearer" };
  /** The registry that asks for the token. */
  readonly base: URL;
  /** What it is for, unless the registry says so. */
  readonly scope: string;
  readonly credentials?: RegistryCredentials;
  /** How it is connected to; as every other server unless given. */
  readonly client?: Deno.HttpClient;
}

const maxTokenBytes = 1024 * 1024;

/**
 * A token from the place that a registry names, for whoever the credentials are, or for nobody.
 *
 * With an identity token the way is OAuth 2's, as of
 * https://distribution.github.io/distribution/spec/auth/oauth/.
 */
export async function fetchToken(
  { challenge, base, scope, credentials, client }: TokenRequest,
  options: AbortOptions,
): Promise<string> {
  const url = realmOf(challenge.realm, base);
  const asked = challenge.scope ?? scope;
  const { service } = challenge;
  const fields = { ...(service !== undefined && { service }), scope: asked };
  const ask = credentials?.kind === "identityToken"
    ? {
      method: "POST",
      body: new URLSearchParams({
        ...fields,
        grant_type: "refresh_token",
        client_id: "farlet",
        refresh_token: credentials.token,
      }),
    } as const
    : {
      headers: credentials?.kind === "password"
        ? { authorization: basic(credentials) }
        : {},
    };
  if (!("body" in ask)) {
    for (const [name, value] of Object.entries(fields)) {
      url.searchParams.set(name, value);
    }
  }
  const asking = { ...ask, ...(client && { client }) };
  return await request(url, asking, async (answer) => {
    const { status, ok } = answer.response;
    const text = new TextDecoder().decode(await readAll(answer, maxTokenBytes));
    if (ok) return tokenIn(text, url);
    const said = registryMessage(text);
    throw new RegistryError(
      `unauthorized: ${url.host} gives no token${said && `: ${said}`}`,
      { refused: status >= 400 && status < 500 && status !== 429 },
    );
  }, options);
}

/** The value of `Authorization` for a user; their name may be in any script. */
export function basic(
  { username, password }: RegistryCredentials & { readonly kind: "password" },
): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** Credentials that came for a registry with TLS are not sent in plain text. */
function realmOf(realm: string, { protocol }: URL): URL {
  const url = URL.parse(realm);
  const allowed = url?.protocol === "https:" ||
    (url?.protocol === "http:" && protocol === "http:");
  if (url !== null && allowed) return url;
  throw new RegistryError(
    `unauthorized: the registry wants tokens of "${realm}", which is no place with TLS`,
    { refused: true },
  );
}

function tokenIn(text: string, { host }: URL): string {
  try {
    const { token, access_token: accessToken } = JSON.parse(text);
    const found: unknown = token ?? accessToken;
    if (typeof found === "string" && found !== "") return found;
  } catch {
    // No cause: it would quote what may be a token.
  }
  throw new RegistryError(`unauthorized: ${host} gives no token`);
}
