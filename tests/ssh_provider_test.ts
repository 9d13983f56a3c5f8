import { fileURLToPath } from "node:url";
import { delay } from "../async/delay.ts";
import { SshProvider } from "../providers/ssh/provider.ts";
import { targetOf } from "../providers/ssh/test_bench.ts";
import { connectHost } from "../providers/ssh/transport/ssh_host.ts";
import { testProvider } from "./provider_conformance.ts";
import { busyboxImage, startHost, type TestHost } from "./ssh_hosts.ts";

const verbs = fileURLToPath(new URL("verbs.sh", import.meta.url));
const image = "localhost/verbs:1";

testProvider("the SSH provider", async () => {
  const machine = await startHost({ images: true });
  await makeImage(machine);
  const { signal } = new AbortController();
  const host = connectHost(targetOf(machine), { signal });
  const provider = await SshProvider.open({ nodeName: "node-1", host });
  await ready(provider);
  return {
    provider,
    image,
    command: ["/verbs.sh"],
    listens: true,
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    },
  };
});

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
