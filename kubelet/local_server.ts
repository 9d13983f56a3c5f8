import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import { connStream } from "../async/byte_stream.ts";
import { allowLocal, localApp, nodeOfPath } from "./local_app.ts";
import type { LocalContext } from "./local_context.ts";
import { listenLocally } from "./local_socket.ts";
import { HttpFront, type HttpFrontOptions } from "./http_front.ts";
import { streamingUpgrade } from "./streaming/upgrade.ts";

/** The local API, served until disposed of, which lets requests end, or aborted. */
export interface LocalServer extends AsyncDisposable {
  /** Resolves when the server has stopped; rejects if something else than an abort stopped it. */
  finished(): Promise<void>;
}

const log = getLogger("kubelet");
/** How long requests may take to end once the server is no longer wanted. */
const goodbye = 1_000;

/**
 * Serves the kubelet API, and what local tools need besides, on a unix socket of mode 0600.
 *
 * @throws {ConfigError} When the socket cannot be made, or another agent has it.
 */
export async function startLocalServer(
  context: LocalContext,
  { path, signal }: AbortOptions & { readonly path: string },
): Promise<LocalServer> {
  await using scope = new AsyncDisposableStack();
  const { listener } = scope.use(await listenLocally(path));
  const ending = new AbortController();
  const app = localApp(context, { ending: ending.signal });
  const front = new HttpFront({
    listener,
    handler: (request, origin) => app.fetch(request, origin),
    accept: (conn) =>
      Promise.resolve({ peer: { kind: "local" }, stream: connStream(conn) }),
    onUpgrade: upgradeOnNode(context),
  });
  const tasks = scope.use(new TaskGroup(signal));
  tasks.spawn((signal) => front.run({ signal }));
  const running = scope.move();
  log.info("Serving the local API", { path });
  return {
    finished: () => tasks.join(),
    async [Symbol.asyncDispose]() {
      ending.abort();
      using limit = new Deadline(goodbye, { signal });
      try {
        while (front.connections > 0) await delay(5, limit);
      } catch (error) {
        // What has not ended by then is cut.
        if (!limit.signal.aborted) throw error;
      }
      await running.disposeAsync();
    },
  };
}

/** Streaming, on whichever node has the pod. */
function upgradeOnNode(
  context: LocalContext,
): NonNullable<HttpFrontOptions["onUpgrade"]> {
  const handlers = new Map(
    context.nodes.map((node) => [node, streamingUpgrade(node, allowLocal)]),
  );
  return async (request, options) => {
    const [path = ""] = request.head.target.split("?");
    await handlers.get(nodeOfPath(context, path))?.(request, options);
  };
}
