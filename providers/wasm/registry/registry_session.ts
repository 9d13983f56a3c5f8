import type { AbortOptions } from "../../../async/abort.ts";
import type { ImageName } from "../../image_name.ts";
import type { RegistryCredentials } from "../../runtime.ts";
import { parseChallenge } from "./auth_challenge.ts";
import { RegistryError, registryMessage } from "./registry_error.ts";
import { basic, fetchToken } from "./registry_token.ts";
import { readAll, type RegistryAnswer, request } from "./registry_transport.ts";

/** Options for {@linkcode RegistrySession}. */
export interface RegistrySessionOptions {
  /** Shown only if the registry asks for them; nobody's unless given. */
  readonly credentials?: RegistryCredentials;
  /** How servers are connected to; as every other one unless given. */
  readonly client?: Deno.HttpClient;
  /** Whether plain HTTP will do, as it always does for a registry on this machine. */
  readonly insecure?: boolean;
}

/** Of what a registry says of an error. */
const maxErrorBytes = 1024 * 1024;

/** Asks one repository of a registry, and answers it when it asks who that is. */
export class RegistrySession {
  readonly #name: ImageName;
  readonly #options: RegistrySessionOptions;
  #authorization: string | undefined;
  #base: URL | undefined;
  #challenged = false;

  constructor(name: ImageName, options: RegistrySessionOptions = {}) {
    this.#name = name;
    this.#options = options;
  }

  /** Whether the registry has asked who it is. */
  get challenged(): boolean {
    return this.#challenged;
  }

  /** Gets something of the repository, such as `manifests/latest`. Fails with a `RegistryError`. */
  async get<T>(
    path: string,
    headers: Readonly<Record<string, string>>,
    use: (answer: RegistryAnswer) => Promise<T>,
    options: AbortOptions,
  ): Promise<T> {
    const base = this.#base ??= await this.#findBase(options);
    const url = new URL(`${this.#name.repository}/${path}`, base);
    const ask = () =>
      request(url, {
        headers: {
          ...headers,
          ...(this.#authorization && { authorization: this.#authorization }),
        },
        ...this.#connection,
      }, async (answer): Promise<Outcome<T>> => {
        const { response } = answer;
        const challenge = response.headers.get("www-authenticate");
        if (response.status === 401 && challenge !== null) {
          return { kind: "challenge", challenge };
        }
        if (!response.ok) throw await refusal(answer);
        return { kind: "done", value: await use(answer) };
      }, options);
    const first = await ask();
    if (first.kind === "done") return first.value;
    const { credentials } = this.#options;
    const wasAuthorized = this.#authorization !== undefined;
    this.#challenged = true;
    this.#authorization = await this.#answer(first.challenge, base, options);
    const second = await ask();
    if (second.kind === "done") return second.value;
    throw new RegistryError(
      wasAuthorized || credentials
        ? "unauthorized: the credentials are not taken"
        : "unauthorized: authentication required",
      { refused: true },
    );
  }

  get #connection(): { readonly client?: Deno.HttpClient } {
    const { client } = this.#options;
    return client === undefined ? {} : { client };
  }

  async #answer(
    header: string,
    base: URL,
    options: AbortOptions,
  ): Promise<string> {
    const { credentials } = this.#options;
    const challenge = parseChallenge(header);
    switch (challenge?.kind) {
      case undefined:
        throw new RegistryError(
          "unauthorized: the registry asks for authentication of an unknown kind",
          { refused: true },
        );
      case "basic":
        if (credentials?.kind !== "password") {
          throw new RegistryError("unauthorized: no basic auth credentials", {
            refused: true,
          });
        }
        return basic(credentials);
      case "bearer":
        if (credentials?.kind === "registryToken") {
          return `Bearer ${credentials.token}`;
        }
        return `Bearer ${await fetchToken({
          challenge,
          base,
          scope: `repository:${this.#name.repository}:pull`,
          ...(credentials && { credentials }),
          ...this.#connection,
        }, options)}`;
    }
  }

  async #findBase(options: AbortOptions): Promise<URL> {
    const { registry } = this.#name;
    const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
    const base = new URL(`https://${host}/v2/`);
    if (!this.#options.insecure && !isLoopback(host)) return base;
    try {
      await request(base, this.#connection, () => Promise.resolve(), options);
      return base;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      // A registry with TLS speaks nothing else, whoever trusts it.
      if (/certificate/.test(error.message)) throw error;
      return new URL(`http://${host}/v2/`);
    }
  }
}

type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "challenge"; readonly challenge: string };

async function refusal(answer: RegistryAnswer): Promise<RegistryError> {
  const { status } = answer.response;
  const body = await readAll(answer, maxErrorBytes);
  const said = registryMessage(new TextDecoder().decode(body));
  const what = status === 404
    ? "not found"
    : status === 401 || status === 403
    ? "unauthorized"
    : status === 429
    ? "toomanyrequests"
    : `unexpected status ${status}`;
  return new RegistryError(said === "" ? what : `${what}: ${said}`, {
    refused: [401, 403, 404].includes(status),
    transient: status === 429 || status >= 500,
  });
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(host);
}
