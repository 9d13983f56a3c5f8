import type { ControlPlane } from "./controlplane.ts";
import type { SshAgent } from "./ssh_agent.ts";
import { busyboxImage, type TestHost } from "./ssh_hosts.ts";

/** One cluster with one agent that makes a node of one host. */
export interface SshStage {
  readonly cluster: ControlPlane;
  readonly host: TestHost;
  readonly agent: SshAgent;
}

/** The image of most pods: it has a shell. */
export const image = busyboxImage;
