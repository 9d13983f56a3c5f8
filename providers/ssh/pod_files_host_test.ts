/** The files of pods on a host with a real OpenSSH server, in containers of a real Podman. */
import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import {
  busyboxImage,
  sshHostsMissing,
  startHost,
  type TestHost,
} from "../../tests/ssh_hosts.ts";
import type { Bind } from "./container_body.ts";
import { readHostFacts } from "./facts.ts";
import { PodFiles } from "./pod_files.ts";
import { file, filesVolume, mountOf, uid } from "./test_pod_files.ts";
import { connectHost } from "./transport/ssh_host.ts";
import type { SshTarget } from "./transport/target.ts";

const emptyDir = { kind: "emptyDir", name: "work", medium: "" } as const;

function targetOf({ address, keyFile }: TestHost): SshTarget {
  const privateKey = () => Deno.readTextFile(keyFile);
  return {
    host: address,
    port: 22,
    user: "root",
    identities: [{ source: keyFile, privateKey }],
    knownHosts: {
      algorithms: () => [],
      verify: () => ({ kind: "trusted" }),
    },
  };
}

/** Runs a shell script in a container that sees the binds, as the user. */
function inContainer(
  machine: TestHost,
  binds: readonly Bind[],
  script: string,
  user = "0",
): Promise<string> {
  const volumes = binds.flatMap(({ source, target, readOnly }) => [
    "-v",
    `${source}:${target}:${readOnly ? "ro" : "rw"}`,
  ]);
  const options = ["--rm", "--network=none", "--user", user, ...volumes];
  const command = [busyboxImage, "sh", "-euc", script];
  return machine.exec("podman", "run", ...options, ...command);
}

Deno.test({
  ...needing(sshHostsMissing(), "PodFiles serves containers over SSH"),
  async fn(t) {
    await using machine = await startHost({ images: true });
    const signal = AbortSignal.timeout(90_000);
    await using host = connectHost(targetOf(machine), { signal });
    await host.connected({ signal });
    const root = "/root/farlet";
    const files = new PodFiles(host, { node: "node-1", root });
    const binds = (...mounts: (readonly [string, string?])[]) =>
      files.binds(
        uid,
        mounts.map(([volume, subPath], i) => ({
          ...mountOf(volume, subPath),
          mountPath: `/m${i}`,
        })),
        { signal },
      );

    await t.step(
      "a megabyte arrives, in memory, and changes at once",
      async () => {
        const big = "x".repeat(1 << 20);
        const group = { secret: true, fsGroup: 3000 };
        await files.setVolume(
          uid,
          filesVolume([file("big", big, 0o400)], group),
          {
            signal,
          },
        );
        const seen = await inContainer(
          machine,
          await binds(["config"]),
          "wc -c </m0/big; stat -f -c %T /m0; id -u",
          "1000:3000",
        );
        assert.equal(seen, `${1 << 20}\ntmpfs\n1000\n`);
        const running = inContainer(
          machine,
          [...await binds(["config"]), ...await sharedBinds()],
          "touch /s/ready; until [ -e /m0/new ]; do sleep 0.05; done; ls /m0",
        );
        await machine.shell(
          `until [ -e ${root}/shared/ready ]; do sleep 0.05; done`,
        );
        await files.setVolume(uid, filesVolume([file("new", "n")], group), {
          signal,
        });
        assert.equal(await running, "new\n");
      },
    );

    async function sharedBinds(): Promise<readonly Bind[]> {
      const source = `${root}/shared`;
      await machine.exec("mkdir", "-p", source);
      return [{ source, target: "/s", readOnly: false, propagation: "None" }];
    }

    await t.step("containers of a pod share an empty directory", async () => {
      await files.setVolume(uid, { ...emptyDir, fsGroup: 3000 }, { signal });
      const write = "mkdir /m0/d; echo hi >/m0/d/f; chmod 0777 /m0/d";
      await inContainer(machine, await binds(["work"]), write, "1000");
      const read = 'cat /m0/f /m1/d/f; stat -c "%a %g" /m1 /m1/d/f';
      assert.equal(
        await inContainer(machine, await binds(["work", "d"], ["work"]), read),
        "hi\nhi\n2777 3000\n644 3000\n",
      );
    });

    await t.step(
      "a container cannot lead another one out of its volume",
      async () => {
        await inContainer(
          machine,
          await binds(["work"]),
          "ln -s / /m0/root; ln -s /etc/shadow /m0/shadow; ln -s ../.. /m0/up",
        );
        for (const path of ["root", "root/etc", "shadow", "up", "up/secrets"]) {
          await assert.rejects(binds(["work", path]), {
            reason: "CreateContainerConfigError",
            message:
              'failed to prepare subPath for volumeMount "work": it leaves the volume',
          });
        }
      },
    );

    await t.step(
      "memory is limited, and anybody may leave last words",
      async () => {
        await files.setVolume(
          uid,
          {
            ...emptyDir,
            name: "memory",
            medium: "Memory",
            sizeLimitBytes: 1 << 20,
          },
          { signal },
        );
        const source = await files.terminationLog(uid, "app", 0, { signal });
        const log = { source, target: "/log", readOnly: false } as const;
        const words = await inContainer(
          machine,
          [...await binds(["memory"]), { ...log, propagation: "None" }],
          "head -c 2000000 /dev/zero >/m0/file 2>/dev/null || echo full >/log",
          "1000",
        );
        assert.equal(words, "");
        assert.equal(
          await files.readTerminationMessage(uid, "app", 0, { signal }),
          "full\n",
        );
      },
    );

    await t.step(
      "a reboot takes what was in memory, until it is set again",
      async () => {
        const before = host.reachability;
        await machine.reboot();
        for await (const now of host.changes({ signal })) {
          if (now.kind === "reachable" && now !== before) break;
        }
        await files.setVolume(
          uid,
          filesVolume([file("new", "n")], { secret: true, fsGroup: 3000 }),
          { signal },
        );
        await files.setVolume(uid, { ...emptyDir, fsGroup: 3000 }, { signal });
        assert.equal(
          await inContainer(
            machine,
            await binds(["config"], ["work", "d"]),
            "cat /m0/new /m1/f",
          ),
          "nhi\n",
        );
      },
    );

    await t.step("nothing is left of a pod", async () => {
      await files.removePod(uid, { signal });
      assert.deepEqual(await files.listPods({ signal }), []);
      const mounts = await machine.exec("cat", "/proc/self/mountinfo");
      assert.ok(!mounts.includes(root));
      assert.match(await machine.exec("ls", "/etc/shadow"), /shadow/);
    });

    await t.step("the facts of the host are read", async () => {
      const facts = await readHostFacts(host, { directory: root, signal });
      assert.equal(facts.hostname, machine.name);
      const { ms = Infinity, uncertaintyMs = 0 } = facts.clock ?? {};
      assert.ok(Math.abs(ms) <= uncertaintyMs);
    });
  },
});
