import { apiTime } from "../k8s/time.ts";
import { acceptedMedia } from "./accepted_media.ts";
import type { KubeletContext } from "./context.ts";

/** Paths that `/statusz` names. */
const listedPaths = [
  ...["/configz", "/containerLogs", "/flagz", "/healthz", "/healthz/log"],
  ...["/healthz/ping", "/healthz/syncloop", "/metrics", "/metrics/cadvisor"],
  ...["/metrics/probes", "/metrics/resource", "/pods", "/runningpods"],
  ...["/stats/summary", "/statusz"],
];

/** One debugging page, in the forms in which it may be asked for. */
interface Zpage {
  readonly kind: "Statusz" | "Flagz";
  /** What comes below the header. */
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** `/statusz`: since when the agent runs, and in which version. */
export function getStatusz(
  { version = "unknown" }: Pick<KubeletContext, "version">,
  request: Request,
): Response {
  const startedAt = new Date(performance.timeOrigin);
  const uptimeSeconds = Math.floor(performance.now() / 1000);
  return zpage({
    kind: "Statusz",
    text: `
Started: ${unixDate(startedAt)}
Up: ${uptime(uptimeSeconds)}
Deno version: ${Deno.version.deno}
Binary version: ${version}

Paths: ${listedPaths.join(" ")}
`,
    fields: {
      startTime: apiTime(startedAt),
      uptimeSeconds,
      goVersion: "",
      binaryVersion: version,
      paths: listedPaths,
    },
  }, request);
}

/** `/flagz`: what the agent was told, as flags. */
export function getFlagz(
  { flags = {} }: Pick<KubeletContext, "flags">,
  request: Request,
): Response {
  const lines = Object.entries(flags).map(([name, value]) =>
    `${name}: ${value}\n`
  ).toSorted();
  return zpage(
    { kind: "Flagz", text: lines.join(""), fields: { flags } },
    request,
  );
}

/** Versions of the structured form that are recognized, and whether they are deprecated. */
const versions: ReadonlyMap<string, boolean> = new Map([
  ["v1alpha1", true],
  ["v1beta1", false],
]);
const group = "config.k8s.io";

/**
 * Text, or JSON for who asks for `application/json;as=Statusz;g=config.k8s.io;v=v1beta1`, as
 * k8s.io/apiserver/pkg/server/statusz and flagz negotiate it; else 406.
 */
function zpage(page: Zpage, request: Request): Response {
  const header = request.headers.get("accept") ?? "";
  if (header.trim() === "") return textPage(page);
  for (const { type, parameters } of acceptedMedia(header)) {
    const any = type === "*/*";
    if (any || type === "application/json" || type === "application/*") {
      const version = parameters.get("v") ?? "";
      const wanted = parameters.get("as") === page.kind &&
        parameters.get("g") === group;
      if (wanted && versions.has(version)) return jsonPage(page, version);
    }
    const converted = ["as", "g", "v"].some((name) => parameters.has(name));
    if (!converted && (any || type === "text/plain" || type === "text/*")) {
      return textPage(page);
    }
  }
  return notAcceptable();
}

function textPage({ kind, text }: Zpage): Response {
  return new Response(
    `
kubelet ${kind.toLowerCase()}
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.
${text}`,
    { headers: { "Content-Type": "text/plain; charset=utf-8" } },
  );
}

function jsonPage({ kind, fields }: Zpage, version: string): Response {
  const name = kind.toLowerCase();
  const warning =
    `299 - "This version of the ${name} endpoint is deprecated. Please use a newer version."`;
  return Response.json({
    kind,
    apiVersion: `${group}/${version}`,
    metadata: { name: "kubelet" },
    ...fields,
  }, versions.get(version) ? { headers: { Warning: warning } } : {});
}

function notAcceptable(): Response {
  return Response.json({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message:
      "only the following media types are accepted: application/json, text/plain",
    reason: "NotAcceptable",
    code: 406,
  }, { status: 406 });
}

/** As Go's `time.UnixDate`: `Mon Jan  2 15:04:05 UTC 2006`. */
function unixDate(time: Date): string {
  const [weekday, month, , year] = time.toUTCString()
    .replace(/^(\w+), (\d+) (\w+) (\d+) .*$/, "$1 $3 $2 $4").split(" ");
  const day = String(time.getUTCDate()).padStart(2);
  const clock = time.toISOString().slice(11, 19);
  return `${weekday} ${month} ${day} ${clock} UTC ${year}`;
}

function uptime(seconds: number): string {
  const two = (part: number) => String(part).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return `${Math.floor(minutes / 60)} hr ${two(minutes % 60)} min ${
    two(seconds % 60)
  } sec`;
}
