import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import {
  sshHostsMissing,
  startHost,
  type TestHost,
} from "../../tests/ssh_hosts.ts";
import { sshdMissing, startSshd, trusting } from "../../tests/sshd.ts";
import { examineHost } from "./doctor.ts";
import type { Finding } from "./doctor_finding.ts";
import { resolveTarget } from "./transport/resolve_target.ts";
import type { SshTarget } from "./transport/target.ts";

const missing = sshdMissing();
const noHosts = sshHostsMissing();

const restrictions: readonly (readonly [
  config: readonly string[],
  findings: Readonly<Record<string, RegExp>>,
])[] = [
  [[], {
    "sessions": /^ok 5 run/,
    "round trip": /^ok .* ms/,
    "tcp forwarding": /^ok/,
    "remote sockets": /^ok/,
    "socket forwarding": /^ok/,
  }],
  [["AllowStreamLocalForwarding no"], {
    "tcp forwarding": /^ok/,
    "remote sockets": /^warn .*AllowStreamLocalForwarding yes/,
  }],
  [["AllowStreamLocalForwarding remote"], {
    "remote sockets": /^ok/,
    "socket forwarding": /^warn .*AllowStreamLocalForwarding yes/,
  }],
  [["AllowTcpForwarding no"], {
    "tcp forwarding": /^warn .*AllowTcpForwarding yes/,
    "remote sockets": /^warn .*AllowTcpForwarding yes/,
  }],
  [["MaxSessions 1"], {
    "sessions": /^warn .*only 1 .*MaxSessions to 10/,
    "socket forwarding": /^ok/,
  }],
  [["MaxSessions 3"], { "sessions": /^ok 3 run/ }],
  [["MaxSessions 0"], { "sessions": /^fail .*MaxSessions to 10/ }],
  [["ForceCommand echo go away"], {
    "shell": /^fail .*"go away".*login shell/,
  }],
];
for (const [config, expected] of restrictions) {
  const sshd = config.join() || "allows everything";
  Deno.test({
    ...needing(missing, `examineHost() finds what sshd allows: ${sshd}`),
    async fn() {
      await using sshd = await startSshd(config);
      const found = await examine(sshd.target(), { until: "engine" });
      for (const [check, pattern] of Object.entries(expected)) {
        assert.match(found.get(check) ?? "nothing", pattern, check);
      }
      const failed = Object.values(expected).some(({ source }) =>
        source.startsWith("^fail")
      );
      assert.equal(found.has("disk") || found.has("engine"), !failed);
    },
  });
}

Deno.test({
  ...needing(
    missing,
    "examineHost() ends where there is no connection, with a remedy",
  ),
  async fn() {
    await using sshd = await startSshd();
    const cases: readonly (readonly [Partial<SshTarget>, string, RegExp])[] = [
      [{ port: 1 }, "address", /^fail nothing listens on port 1 .*sshd/],
      [
        { host: "no.such.host.invalid" },
        "address",
        /^fail the name "no\.such\.host\.invalid".*give the address/,
      ],
      [
        {
          knownHosts: {
            algorithms: () => [],
            verify: () => ({ kind: "unknown", fingerprint: "SHA256:x" }),
          },
        },
        "host key",
        /^fail its host key SHA256:x is not known .*ssh-keygen.*farlet join/,
      ],
      [
        { knownHosts: trusting(new Uint8Array(8)) },
        "host key",
        /^fail another key of 127/,
      ],
      [
        {
          knownHosts: {
            algorithms: () => [],
            verify: () => ({
              kind: "revoked",
              message: "It was revoked (f:1): do not connect until then",
            }),
          },
        },
        "host key",
        /^fail It was revoked \(f:1\) do not connect until then$/,
      ],
      [{ identities: [] }, "login", /^fail .*publickey.* add your public key/],
    ];
    for (const [overrides, check, pattern] of cases) {
      const found = await examine(sshd.target(overrides));
      assert.match(found.get(check) ?? "nothing", pattern);
      assert.equal([...found.keys()].at(-1), check);
    }
  },
});

Deno.test({
  ...needing(missing, "examineHost() looks at hosts on the way as well"),
  async fn() {
    await using jump = await startSshd();
    await using sshd = await startSshd();
    const target = sshd.target({ jump: jump.target() });
    const found = await examine(target, { until: "sessions" });
    assert.match(found.get("address") ?? "", new RegExp(`:${jump.port} \\(ju`));
    assert.equal(found.get("host key")?.match(/SHA256:/g)?.length, 2);
    await jump.kill();
    assert.match(
      (await examine(target)).get("address") ?? "",
      new RegExp(`^fail nothing listens on port ${jump.port}`),
    );
  },
});

Deno.test({
  ...needing(noHosts, "examineHost() finds the engine and leaves nothing"),
  async fn() {
    await using host = await startHost();
    const target = await targetOf(host);
    const before = await traces(host);
    const found = await examine(target);
    const bad = [...found].filter(([, text]) => !text.startsWith("ok"));
    // The machine of the tests may be short of room.
    assert.deepEqual(
      bad.filter(([check]) => !/^(disk|images|memory)/.test(check)),
      [],
    );
    assert.match(
      found.get("engine") ?? "",
      /^ok Podman [\d.]+, API 1\.\d+, rootful, at \/run\/podman\/podman\.sock$/,
    );
    assert.match(found.get("images") ?? "", /\/var\/lib\/containers\/storage/);
    // Where farlet would start it for itself, the doctor does not.
    await host.shell("rm /run/podman/podman.sock");
    assert.match(
      (await examine(target)).get("engine") ?? "",
      /^ok Podman [\d.]+, rootful; .* farlet starts it/,
    );
    assert.equal(await traces(host), before);
  },
});

Deno.test({
  ...needing(
    noHosts,
    "examineHost() fails a host whose user may not use its engine",
  ),
  async fn() {
    await using host = await startHost();
    await host.shell(`
      cp /etc/passwd /run/passwd
      echo 'pi:x:4242:100:pi:/run/pi:/bin/sh' >>/run/passwd
      mkdir -p /run/pi && chown 4242:100 /run/pi
      mount --bind /run/passwd /etc/passwd
      python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/docker.sock")'
      chmod 600 /run/docker.sock`);
    const found = await examine({ ...await targetOf(host), user: "pi" });
    assert.match(
      found.get("user") ?? "",
      /^warn "pi" \(4242\).*log in as root/,
    );
    assert.match(
      found.get("engine") ?? "",
      /^fail "pi" may not use the engine at .*docker\.sock.*usermod -aG/,
    );
    assert.match(found.get("disk") ?? "", /for \/run\/pi\/\.local\/share/);
  },
});

/** What was found, as `verdict found remedy` by check; up to one of them if that is given. */
async function examine(
  target: SshTarget,
  { until }: { readonly until?: Finding["check"] } = {},
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const signal = AbortSignal.timeout(60_000);
  for await (const finding of examineHost(target, { signal })) {
    const { check, verdict, found: text, remedy } = finding;
    found.set(check, [verdict, text, remedy ?? ""].join(" ").trimEnd());
    if (check === until) break;
  }
  return found;
}

async function targetOf(host: TestHost): Promise<SshTarget> {
  return await resolveTarget({
    host: host.address,
    user: "root",
    identityFile: host.keyFile,
    knownHostsFile: host.knownHosts,
  }, { env: {} });
}

/** What farlet could leave on a host. */
async function traces(host: TestHost): Promise<string> {
  return await host.shell(
    "ls -d /run/farlet /var/lib/farlet /tmp/tmp.*/s 2>/dev/null || :",
  );
}
