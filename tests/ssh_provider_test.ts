import { fileURLToPath } from "node:url";
import { delay } from "../async/delay.ts";
import { SshProvider } from "../providers/ssh/provider.ts";
import {
  type EngineKind,
  engineMissing,
  hostRoot,
  startEngineHost,
  targetOf,
} from "../providers/ssh/test_bench.ts";
import { connectHost } from "../providers/ssh/transport/ssh_host.ts";
import { needing } from "./needing.ts";
import type { ProviderUnderTest } from "./provider_bench.ts";
import { testProvider } from "./provider_conformance.ts";
import { busyboxImage, type TestHost } from "./ssh_hosts.ts";

const verbs = fileURLToPath(new URL("verbs.sh", import.meta.url));
const image = "localhost/verbs:1";

const machines = new Map<EngineKind, Promise<TestHost>>();

Deno.test.afterAll(async () => {
  for (const machine of machines.values()) {
    await (await machine)[Symbol.asyncDispose]();
  }
});

for (const engine of ["podman", "docker"] as const) {
  const name = `the SSH provider with ${engine}`;
  const missing = engineMissing(engine);
  if (missing === undefined) testProvider(name, () => setup(engine));
  else Deno.test({ ...needing(missing, name), fn() {} });
}

/** One host for all tests with an engine, and a node of its own for each. */
async function setup(engine: EngineKind): Promise<ProviderUnderTest> {
  const machine = machines.get(engine) ?? start(engine);
  machines.set(engine, machine);
  const { signal } = new AbortController();
  const host = connectHost(targetOf(await machine), { signal });
  const nodeName = `node-${crypto.randomUUID()}`;
  const provider = await SshProvider.open({ nodeName, host, root: hostRoot });
  await ready(provider);
  return {
    provider,
    image,
    command: ["/verbs.sh"],
    listens: true,
    async [Symbol.asyncDispose]() {
      await provider.purge({ signal: AbortSignal.timeout(20_000) });
      await provider[Symbol.asyncDispose]();
    },
  };
}

async function start(engine: EngineKind): Promise<TestHost> {
  const machine = await startEngineHost(engine);
  const cli = engine === "podman"
    ? "podman"
    : "docker -H unix:///run/docker.sock";
  await machine.shell(`
    # An image whose entry point understands the suite's arguments.
    ${cli} create --name verbs ${busyboxImage} >/dev/null
    ${cli} cp ${verbs} verbs:/verbs.sh
    ${cli} commit --change 'ENTRYPOINT ["/verbs.sh"]' verbs ${image} >/dev/null
    ${cli} rm verbs >/dev/null
    # No resolver answers there; a registry that is not there is to be noticed at once.
    { cat /etc/hosts; echo 127.0.0.1 missing.invalid; } >/run/hosts
    mount --bind /run/hosts /etc/hosts`);
  return machine;
}

/** Waits until the host is connected to and its engine found. */
async function ready(provider: SshProvider): Promise<void> {
  const options = { signal: AbortSignal.timeout(20_000) };
  while ((await provider.checkHealth(options)).kind !== "healthy") {
    await delay(20, options);
  }
}
