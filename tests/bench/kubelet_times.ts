import assert from "node:assert/strict";
import { join } from "node:path";
import type { KubeClient } from "../../k8s/client.ts";
import type { ApiCredentials } from "../../k8s/credentials.ts";
import { apiPath } from "../../k8s/paths.ts";
import type { Node } from "../../k8s/types.ts";

/** Asks a node's kubelet API, with the rights of `credentials`, several times over one connection. */
export async function kubeletTimes(
  client: KubeClient,
  { clientCertificate }: ApiCredentials,
  { node, path, times, signal }: {
    readonly node: string;
    readonly path: string;
    readonly times: number;
    readonly signal: AbortSignal;
  },
): Promise<readonly number[]> {
  const nodePath = apiPath("v1", "nodes", { name: node });
  const { status } = await client.get<Node>(nodePath, { signal }) ?? {};
  const port = status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  const dir = await Deno.makeTempDir();
  const files = { cert: join(dir, "cert"), key: join(dir, "key") };
  const { certificate = "", key = "" } = clientCertificate ?? {};
  await Deno.writeTextFile(files.cert, certificate);
  await Deno.writeTextFile(files.key, key);
  const url = `https://127.0.0.1:${port}/${path}`;
  // Deno's fetch would want to know who signed the certificate.
  const { stdout } = await new Deno.Command("curl", {
    args: [
      ...["-sk", "--fail", "--cert", files.cert, "--key", files.key],
      ...["--rate", "5/s", "-w", "%{http_code} %{time_total}\\n"],
      ...Array.from({ length: times }, () => ["-o", "/dev/null", url]).flat(),
    ],
    signal,
  }).output();
  await Deno.remove(dir, { recursive: true });
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.map((line) => {
    const [code, seconds] = line.split(" ");
    assert.equal(code, "200", path);
    return Number(seconds) * 1000;
  });
}
