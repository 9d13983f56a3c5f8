import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "./agent_process.ts";
import { apply, phase } from "./cluster_pods.ts";
import type { ControlPlane } from "./controlplane.ts";
import { agnhostImage } from "./ssh_hosts.ts";
import { image, type StageSteps } from "./ssh_stage.ts";
import { runAtTerminal, terminalMissing } from "./terminal.ts";

/** What kubectl does with the containers of a host, on pods that the first step makes. */
export const accessSteps: StageSteps = {
  async "logs have the nanoseconds of every line"({ cluster }) {
    await apply(cluster, "talker", {
      image,
      command: ["sh", "-c", "for i in 1 2 3; do echo line $i; done"],
    });
    await phase(cluster, "talker", "Succeeded");
    const stamped = await cluster.kubectl(["logs", "talker", "--timestamps"]);
    const lines = stamped.trim().split("\n");
    assert.equal(lines.length, 3);
    for (const [i, line] of lines.entries()) {
      assert.match(line, new RegExp(`^\\S+T\\S+\\.\\d{9}\\S+ line ${i + 1}$`));
    }
    const fractions = lines.map((line) => /\.(\d{9})/.exec(line)?.[1]);
    assert.notDeepEqual(fractions, Array(3).fill("000000000"));
    const tail = ["logs", "talker", "--tail=1"];
    assert.equal(await cluster.kubectl(tail), "line 3\n");
    await cluster.kubectl(["delete", "pod", "talker"]);
  },

  async "logs -f follows a container to its end"({ cluster }) {
    await apply(cluster, "counter", {
      image,
      command: [
        "sh",
        "-c",
        "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.3; done",
      ],
    });
    await phase(cluster, "counter", "Running");
    const log = await cluster.kubectl(["logs", "-f", "counter"]);
    assert.equal(log, "1\n2\n3\n4\n5\n6\n7\n8\n");
    await cluster.kubectl(["delete", "pod", "counter"]);
  },

  async "exec keeps outputs apart, takes input and ends as the command"(
    { cluster },
  ) {
    await apply(cluster, "web", {
      image: agnhostImage,
      args: ["netexec", "--http-port=8080", "--udp-port=-1"],
    });
    await phase(cluster, "web", "Running");
    const script = "cat; echo err >&2; exit 7";
    const ended = await kubectl(cluster, [
      ...["exec", "-i", "web", "--", "sh", "-c", script],
    ], "some input\n");
    assert.deepEqual(ended, {
      code: 7,
      stdout: "some input\n",
      stderr: "err\ncommand terminated with exit code 7\n",
    });
  },

  async "exec -it gives a terminal of the right size"({ cluster }) {
    if (await terminalMissing() !== undefined) return;
    const { command, env } = cluster.kubectlCommand([
      ...["exec", "-it", "web", "--", "sh"],
    ]);
    const { screen, code } = await runAtTerminal(command, [
      ["wait", "# "],
      ["type", `${untilSize(24, 80)}\r`],
      ["wait", "24 80"],
      ["resize", 123, 45],
      ["type", `${untilSize(45, 123)}; exit 3\r`],
      ["wait", "45 123"],
    ], env);
    assert.equal(code, 3, screen);
  },

  async "cp copies there and back"({ cluster }) {
    const dir = await Deno.makeTempDir({ dir: cluster.dir });
    const [original, back] = [join(dir, "original"), join(dir, "back")];
    const content = crypto.getRandomValues(new Uint8Array(65_536));
    await Deno.writeFile(original, content);
    await cluster.kubectl(["cp", original, "web:/tmp/there"]);
    await cluster.kubectl(["cp", "web:/tmp/there", back]);
    assert.deepEqual(await Deno.readFile(back), content);
  },

  async "port-forward reaches what listens on the pod's loopback and outside"(
    { cluster },
  ) {
    await kubectl(cluster, ["exec", "web", "--", "sh", "-c", loopbackServer]);
    const asks = {
      8080: ["/hostname", /^web$/] as const,
      9090: ["/", /^on loopback\n$/] as const,
    };
    for (const [port, [path, answer]] of Object.entries(asks)) {
      await forwarded(cluster, `:${port}`, async (local) => {
        await eventually(async () => {
          const response = await fetch(`http://127.0.0.1:${local}${path}`);
          assert.match(await response.text(), answer);
        });
      });
    }
    await cluster.kubectl(["delete", "pod", "web"]);
  },
};

/** Prints the terminal's size once it is that: it is told a moment after the shell started. */
function untilSize(rows: number, columns: number): string {
  const size = `"${rows} "${columns}`;
  return `until [ "$(stty size)" = ${size} ]; do sleep 0.1; done; stty size`;
}

/** Answers on 127.0.0.1 only, in the background. */
const loopbackServer = `
(while :; do
  printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 12\\r\\n\\r\\non loopback\\n' |
    nc -l -s 127.0.0.1 -p 9090
done) >/dev/null 2>&1 </dev/null &
`;

/** Runs kubectl, which may fail. */
async function kubectl(
  cluster: ControlPlane,
  args: readonly string[],
  stdin = "",
): Promise<
  { readonly code: number; readonly stdout: string; readonly stderr: string }
> {
  const { command: [program, ...rest], env } = cluster.kubectlCommand(args);
  const child = new Deno.Command(program, {
    args: rest,
    env: { ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Blob([stdin]).stream().pipeTo(child.stdin)
    .catch(() => undefined); // it need not read it all
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Hands the local port to `use` while kubectl forwards it to the pod `web`. */
async function forwarded(
  cluster: ControlPlane,
  ports: string,
  use: (localPort: number) => Promise<void>,
): Promise<void> {
  const { command: [program, ...args], env } = cluster.kubectlCommand([
    ...["port-forward", "pod/web", ports],
  ]);
  const child = new Deno.Command(program, {
    args,
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const said = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value = "" } = await said.read();
    await use(Number(/127\.0\.0\.1:(\d+)/.exec(value)?.[1]));
  } finally {
    child.kill("SIGTERM");
    await said.cancel();
    await child.status;
  }
}
