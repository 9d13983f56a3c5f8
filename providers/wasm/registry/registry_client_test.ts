import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseImageName } from "../../image_name.ts";
import type { RegistryCredentials } from "../../runtime.ts";
import { RegistryClient } from "./registry_client.ts";
import { RegistryError } from "./registry_error.ts";

const { signal } = new AbortController();
const content = new TextEncoder().encode("content");
const digest = digestOf(content);

/** A server that answers as it is told, and what it was asked. */
async function serving(
  answer: (request: Request, origin: string) => Response | Promise<Response>,
  test: (address: string, asked: readonly Request[]) => Promise<void>,
): Promise<void> {
  const asked: Request[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    (request) => {
      asked.push(request);
      return answer(request, new URL(request.url).origin);
    },
  );
  await test(`127.0.0.1:${server.addr.port}`, asked);
}

function client(address: string, credentials?: RegistryCredentials) {
  return new RegistryClient(
    parseImageName(`${address}/app`),
    credentials && { credentials },
  );
}

/** Gives tokens to whoever has what `opens` says, and the content to whoever has a token. */
function tokenRegistry(opens: (request: Request) => Promise<boolean>) {
  return async (request: Request, origin: string): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/token") {
      if (!await opens(request)) return new Response("{}", { status: 401 });
      const scope = searchParams.get("scope");
      if (request.method === "GET") {
        assert.equal(scope, "repository:app:pull");
        assert.equal(searchParams.get("service"), "test");
      }
      return Response.json({ access_token: "tok" });
    }
    if (request.headers.get("authorization") === "Bearer tok") {
      return new Response(content);
    }
    const challenge = `Bearer realm="${origin}/token",service="test"`;
    return new Response("{}", {
      status: 401,
      headers: { "www-authenticate": challenge },
    });
  };
}

function basicOf(request: Request): string {
  const header = request.headers.get("authorization") ?? "";
  return atob(header.replace("Basic ", ""));
}

const password = {
  kind: "password",
  username: "jörg",
  password: "a:b",
} as const;

const openings: readonly (readonly [
  string,
  RegistryCredentials | undefined,
  (request: Request) => Promise<boolean>,
])[] = [
  [
    "nobody",
    undefined,
    (request) => Promise.resolve(!request.headers.has("authorization")),
  ],
  ["a user", password, (request) =>
    Promise.resolve(
      basicOf(request) ===
        String.fromCharCode(...new TextEncoder().encode("jörg:a:b")),
    )],
  [
    "an identity token",
    { kind: "identityToken", token: "id" },
    async (request) => {
      const form = new URLSearchParams(await request.text());
      return form.get("grant_type") === "refresh_token" &&
        form.get("refresh_token") === "id" && form.get("service") === "test" &&
        form.get("scope") === "repository:app:pull";
    },
  ],
  [
    "a registry token",
    { kind: "registryToken", token: "tok" },
    () => Promise.resolve(false),
  ],
];
for (const [who, credentials, opens] of openings) {
  Deno.test(`RegistryClient opens a registry with tokens as ${who}`, async () => {
    await serving(tokenRegistry(opens), async (address) => {
      const registry = client(address, credentials);
      const manifest = await registry.manifest(digest, { signal });
      assert.equal(manifest.digest, digest);
      assert.equal(registry.challenged, true);
    });
  });
}

Deno.test("RegistryClient says that others may be let in", async () => {
  await serving(
    tokenRegistry(() => Promise.resolve(false)),
    async (address) => {
      await assert.rejects(
        client(address, password).manifest("latest", { signal }),
        (error: RegistryError) =>
          error.refused &&
          /^unauthorized: .* gives no token$/.test(error.message),
      );
    },
  );
});

Deno.test("RegistryClient takes nothing that has another digest", async () => {
  const wanted = digestOf(new TextEncoder().encode("wanted"));
  await serving(() => new Response(content), async (address) => {
    const registry = client(address);
    await assert.rejects(
      registry.manifest(wanted, { signal }),
      /the manifest of "sha256:.*" is a different one/,
    );
    const { length } = content;
    const blob = { mediaType: "x", digest: wanted, size: length };
    await withFile(async (file) => {
      await assert.rejects(
        registry.blob(blob, { file, signal }),
        /blob sha256:.* has other content/,
      );
    });
    await withFile(async (file) => {
      await assert.rejects(
        registry.blob({ ...blob, digest, size: length - 1 }, { file, signal }),
        /has more than its 6 bytes/,
      );
    });
  });
});

Deno.test("RegistryClient follows redirects without telling them who it is", async () => {
  await serving((request) => {
    assert.equal(request.headers.get("authorization"), null);
    return new Response(content);
  }, async (elsewhere, asked) => {
    await serving((request) => {
      if (request.headers.has("authorization")) {
        return Response.redirect(`http://${elsewhere}/data`, 307);
      }
      return new Response("", {
        status: 401,
        headers: { "www-authenticate": "Basic" },
      });
    }, async (address) => {
      await client(address, password).manifest("latest", { signal });
      assert.equal(asked.length, 1);
    });
  });
});

Deno.test("RegistryClient gives up on redirects without end", async () => {
  await serving(
    (request) => Response.redirect(request.url, 302),
    async (address) => {
      await assert.rejects(
        client(address).manifest("latest", { signal }),
        /redirects too often/,
      );
    },
  );
});

Deno.test("RegistryClient takes no manifest without end", async () => {
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
      }),
    );
  await serving(endless, async (address) => {
    await assert.rejects(
      client(address).manifest("latest", { signal }),
      /has more than 4194304 bytes/,
    );
  });
});

Deno.test("RegistryClient sends no credentials where there is no TLS, for a registry with it", async () => {
  const { fetchToken } = await import("./registry_token.ts");
  await assert.rejects(
    fetchToken({
      challenge: { kind: "bearer", realm: "http://127.0.0.1:1/token" },
      base: new URL("https://example.com/v2/"),
      scope: "x",
      credentials: password,
    }, { signal }),
    /which is no place with TLS/,
  );
});

Deno.test("RegistryClient stops when it is told to", async () => {
  const stop = new AbortController();
  const release = Promise.withResolvers<Response>();
  await serving(() => {
    stop.abort(new Error("enough"));
    return release.promise;
  }, async (address) => {
    await assert.rejects(
      client(address).manifest("latest", { signal: stop.signal }),
      /enough/,
    );
    release.resolve(new Response());
  });
});

async function withFile(
  use: (file: Deno.FsFile) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    using file = await Deno.open(path, { write: true });
    await use(file);
  } finally {
    await Deno.remove(path);
  }
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
