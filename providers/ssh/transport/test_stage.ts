import { needing } from "../../../tests/needing.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { type Sshd, sshdMissing, startSshd } from "../../../tests/sshd.ts";
import { connectHost, type SshHost } from "./ssh_host.ts";

/** What a test of a host has. */
export interface Stage {
  readonly sshd: Sshd;
  /** Connected to `sshd`. */
  readonly host: SshHost;
  readonly signal: AbortSignal;
}

/** A test with a server that has further lines of `sshd_config`, and a host connected to it. */
export function withHost(
  name: string,
  config: readonly string[],
  test: (stage: Stage) => Promise<void>,
): void {
  Deno.test({
    ...needing(sshdMissing(), name),
    async fn() {
      await using sshd = await startSshd(config);
      const signal = AbortSignal.timeout(20_000);
      await using host = connectHost(sshd.target(), { signal });
      await host.connected({ signal });
      await test({ sshd, host, signal });
    },
  });
}

/** Sends back what comes, and ends as the peer does. */
export async function echo(stream: DuplexStream): Promise<void> {
  for (;;) {
    const bytes = await stream.read();
    if (bytes === undefined) break;
    await stream.write(bytes);
  }
  await stream.close();
}
