import type { KubeletContext } from "../context.ts";
import type { ContainerRef } from "../../providers/runtime.ts";
import type { WantedChannels } from "./channels.ts";

/** What a request under `/exec`, `/attach`, `/portForward` or `/run` asks for. */
export type StreamingRequest =
  | {
    readonly kind: "exec";
    readonly ref: ContainerRef;
    readonly command: readonly string[];
    readonly wanted: WantedChannels;
  }
  | {
    readonly kind: "attach";
    readonly ref: ContainerRef;
    readonly wanted: WantedChannels;
  }
  | {
    readonly kind: "portForward";
    readonly podUid: string;
    readonly query: URLSearchParams;
  }
  | {
    readonly kind: "run";
    readonly ref: ContainerRef;
    readonly command: readonly string[];
  };

/** To be answered with `status` and the message as plain text. */
export interface Refusal {
  readonly kind: "refused";
  readonly status: 400 | 403 | 404 | 405 | 501;
  readonly message: string;
  /** The methods that are allowed, with 405. */
  readonly allow?: string;
}

interface Route {
  readonly verb: StreamingRequest["kind"];
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string | undefined;
  /** Empty for `/portForward`. */
  readonly container: string;
}

const methods: Readonly<Record<StreamingRequest["kind"], readonly string[]>> = {
  exec: ["GET", "POST"],
  attach: ["GET", "POST"],
  portForward: ["GET", "POST"],
  run: ["POST"],
};

/**
 * Reads `/{exec,attach,run}/{namespace}/{pod}[/{uid}]/{container}` and
 * `/portForward/{namespace}/{pod}[/{uid}]`, with the checks, answers and order of them of the
 * kubelet (kubernetes/pkg/kubelet/server/server.go).
 *
 * @param target The path with its query, as sent.
 */
export function readStreamingRequest(
  ctx: Pick<KubeletContext, "findPod" | "backend">,
  method: string,
  target: string,
): StreamingRequest | Refusal {
  const [path = "", ...rest] = target.split("?");
  const query = new URLSearchParams(rest.join("?"));
  const route = readRoute(path);
  if (route === undefined) return refused(404, "404: Page Not Found");
  const { verb, namespace, pod: name, uid, container } = route;
  const allowed = methods[verb];
  if (!allowed.includes(method)) {
    const allow = allowed.join(", ");
    return { ...refused(405, "405: Method Not Allowed"), allow };
  }
  const wanted = wantedChannels(query);
  const takesStreams = verb === "exec" || verb === "attach";
  if (takesStreams && !wanted.stdin && !wanted.stdout && !wanted.stderr) {
    const message = "you must specify at least 1 of stdin, stdout, stderr";
    return refused(400, message);
  }
  const pod = ctx.findPod(namespace, name);
  if (pod === undefined) return refused(404, "pod does not exist");
  const podUid = pod.metadata?.uid ?? "";
  if (uid !== undefined && uid !== podUid) {
    return refused(404, "pod not found");
  }
  const { containers = [], initContainers = [], ephemeralContainers = [] } =
    pod.spec ?? {};
  const names = [...containers, ...initContainers, ...ephemeralContainers];
  if (
    verb !== "portForward" && !names.some(({ name }) => name === container)
  ) {
    // The kubelet says so with 500, for want of a code in its error.
    return refused(404, `container not found (${JSON.stringify(container)})`);
  }
  const ref = { podUid, container };
  const { backend } = ctx;
  switch (verb) {
    case "exec": {
      if (backend.exec === undefined) {
        return incapable("run commands in containers");
      }
      const command = query.getAll("command");
      if (command.length === 0) return refused(400, "no command was given");
      return { kind: "exec", ref, command, wanted };
    }
    case "attach":
      if (backend.attach === undefined) {
        return incapable("attach to containers");
      }
      return { kind: "attach", ref, wanted };
    case "portForward":
      if (backend.portForward === undefined) {
        return incapable("forward ports of pods");
      }
      return { kind: "portForward", podUid, query };
    case "run": {
      if (backend.exec === undefined) {
        return incapable("run commands in containers");
      }
      const text = query.get("cmd") ?? "";
      if (text === "") return refused(400, "no cmd was given");
      // "For legacy reasons", says the kubelet.
      return { kind: "run", ref, command: text.split(" ") };
    }
  }
}

function readRoute(path: string): Route | undefined {
  const [empty, verb, ...parts] = path.split("/");
  if (empty !== "" || verb === undefined || !isVerb(verb)) return undefined;
  if (parts.at(-1) === "") parts.pop();
  const names = parts.map(decoded);
  const shape = verb === "portForward" ? 2 : 3;
  if (names.length !== shape && names.length !== shape + 1) return undefined;
  const [namespace, pod] = names;
  const uid = names.length === shape ? undefined : names[2];
  const container = verb === "portForward" ? "" : names.at(-1);
  if (!namespace || !pod || container === undefined) return undefined;
  return { verb, namespace, pod, uid, container };
}

function isVerb(text: string): text is StreamingRequest["kind"] {
  return Object.hasOwn(methods, text);
}

/** Undefined if it is not percent-encoded UTF-8. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** Only "1" says yes, and the first value counts. A terminal has one output. */
function wantedChannels(query: URLSearchParams): WantedChannels {
  const has = (name: string) => query.get(name) === "1";
  const tty = has("tty");
  return {
    stdin: has("input"),
    stdout: has("output"),
    stderr: has("error") && !tty,
    tty,
  };
}

function incapable(what: string): Refusal {
  return refused(501, `The provider of this node cannot ${what}`);
}

function refused(status: Refusal["status"], message: string): Refusal {
  return { kind: "refused", status, message };
}
