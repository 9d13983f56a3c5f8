import type { AbortOptions } from "../../async/abort.ts";
import { getLogger } from "../../async/log.ts";
import type { Status } from "../../k8s/types.ts";
import type {
  ContainerAccess,
  ProcessStreams,
} from "../../providers/runtime.ts";
import type { CommandChannels } from "./channels.ts";
import { exitStatus, internalError, succeeded } from "./command_status.ts";
import type { StreamingRequest } from "./exec_request.ts";

/** A request to run a command, or to attach to what runs. */
export type CommandRequest = Extract<
  StreamingRequest,
  { readonly kind: "exec" | "attach" }
>;

const log = getLogger("kubelet");

/**
 * Runs one exec or attach session and tells the client how it went. Resolves when the connection
 * is gone; never rejects because of the provider or the client.
 */
export async function runRemoteCommand(
  backend: Pick<ContainerAccess, "exec" | "attach">,
  request: CommandRequest,
  channels: CommandChannels,
): Promise<void> {
  await channels.finish(await outcomeOf(backend, request, channels));
}

async function outcomeOf(
  backend: Pick<ContainerAccess, "exec" | "attach">,
  request: CommandRequest,
  channels: CommandChannels,
): Promise<Status> {
  const options = streamsOf(channels);
  const { kind, ref } = request;
  const what = {
    exec: "error executing command in container",
    attach: "error attaching to container",
  }[kind];
  try {
    switch (kind) {
      case "exec":
        if (backend.exec === undefined) throw new Error("not implemented");
        return exitStatus(await backend.exec(ref, request.command, options));
      case "attach":
        if (backend.attach === undefined) throw new Error("not implemented");
        await backend.attach(ref, options);
        return succeeded();
    }
  } catch (error) {
    if (!channels.signal.aborted) {
      const { podUid, container } = ref;
      log.debug("A remote command failed", { kind, podUid, container, error });
    }
    return internalError(what, error);
  }
}

/** Without what is only for us. */
function streamsOf(channels: CommandChannels): ProcessStreams & AbortOptions {
  const { finish: _, ...streams } = channels;
  return streams;
}
