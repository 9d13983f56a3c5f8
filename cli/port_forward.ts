import { Command, Option } from "commander";
import type { CliContext } from "./context.ts";
import { listenAddresses, parseForwardedPort } from "./forwarded_port.ts";
import { findLocalApi, type PodFlags, withPodFlags } from "./local_command.ts";
import { print, printError } from "./output.ts";
import { podArgument } from "./pod_argument.ts";
import { appended } from "./serve.ts";

const examples = `
A port is PORT, LOCAL:REMOTE, or :REMOTE for any local port that is free. The
remote one may be the name of a port of the pod. Ctrl-C ends it.

Examples:
  farlet port-forward web 8080:80
  farlet port-forward pod/web 5000 :6000
  farlet port-forward --address 0.0.0.0 web 8080:http`;

interface PortForwardFlags extends PodFlags {
  readonly address: readonly string[];
}

/** `farlet port-forward`: local ports that lead to a pod of this machine's agent. */
export function portForwardCommand({ env, signal }: CliContext): Command {
  const command = new Command("port-forward")
    .description("Forward one or more local ports to a pod")
    .argument("<pod>", "POD or pod/NAME")
    .argument("<ports...>", "[LOCAL:]REMOTE")
    .addOption(
      new Option(
        "--address <ips>",
        "where to listen: IP addresses or localhost, with commas; repeatable",
      ).argParser(appended),
    );
  return withPodFlags(command)
    .addHelpText("after", examples)
    .action(
      async (
        pod: string,
        texts: readonly string[],
        { address = ["localhost"], ...flags }:
          & Partial<PortForwardFlags>
          & PodFlags,
      ) => {
        const name = podArgument(pod);
        const addresses = listenAddresses(address);
        const { namespace } = flags;
        using api = await findLocalApi(flags, { env, signal });
        const found = await api.pod({ namespace, name }, { signal });
        const ports = texts.map((text) => parseForwardedPort(text, found));
        const phase = found.status?.phase;
        if (phase !== "Running") {
          throw new Error(
            `unable to forward port because pod is not running. Current status=${phase}`,
          );
        }
        const path = [namespace, name].map(encodeURIComponent).join("/");
        const { forwardPorts } = await import("./port_forwarder.ts");
        await forwardPorts({
          ports,
          addresses,
          print,
          printError,
          async connect({ signal }) {
            const { stream } = await api.upgrade(`/portForward/${path}`, {
              method: "POST",
              headers: {
                "Upgrade": "SPDY/3.1",
                "X-Stream-Protocol-Version": "portforward.k8s.io",
              },
              signal,
            });
            return stream;
          },
          signal,
        });
      },
    );
}
