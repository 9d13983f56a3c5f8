import { fileURLToPath } from "node:url";
import { delay } from "../async/delay.ts";
import { SshProvider } from "../providers/ssh/provider.ts";
import { hostRoot, targetOf } from "../providers/ssh/test_bench.ts";
import { connectHost } from "../providers/ssh/transport/ssh_host.ts";
import { needing } from "./needing.ts";
import type { ProviderUnderTest } from "./provider_bench.ts";
import { testProvider } from "./provider_conformance.ts";
import {
  busyboxImage,
  sshHostsMissing,
  startHost,
  type TestHost,
} from "./ssh_hosts.ts";

const verbs = fileURLToPath(new URL("verbs.sh", import.meta.url));
const image = "localhost/verbs:1";

let machine: Promise<TestHost> | undefined;
Deno.test.afterAll(async () => {
  await (await machine)?.[Symbol.asyncDispose]();
});

const missing = sshHostsMissing();
if (missing === undefined) testProvider("the SSH provider", setup);
else Deno.test({ ...needing(missing, "the SSH provider"), fn() {} });

/** One host for all tests, and a node of its own for each. */
async function setup(): Promise<ProviderUnderTest> {
  const { signal } = new AbortController();
  const host = connectHost(targetOf(await (machine ??= start())), { signal });
  const nodeName = `node-${crypto.randomUUID()}`;
  const provider = await SshProvider.open({
    nodeName,
    host,
    root: hostRoot,
  });
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

async function start(): Promise<TestHost> {
  const machine = await startHost({ images: true });
  await makeImage(machine);
  // No resolver answers there; a registry that is not there is to be noticed at once.
  await machine.shell(`
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

/** An image whose entry point understands the suite's arguments. */
async function makeImage(machine: TestHost): Promise<void> {
  await machine.shell(`
    podman create -q --name verbs ${busyboxImage} >/dev/null
    podman cp ${verbs} verbs:/verbs.sh
    podman commit -q --change 'ENTRYPOINT ["/verbs.sh"]' verbs ${image} >/dev/null
    podman rm verbs >/dev/null`);
}
