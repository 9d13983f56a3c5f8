import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as z from "zod";
import { ConfigError } from "./async/config_error.ts";
import { parseYaml, readYamlFile } from "./async/yaml_file.ts";
import type { ConfigMap, Pod, Secret } from "./k8s/types.ts";

/** The objects of some manifest files. */
export interface Manifests {
  readonly pods: readonly Pod[];
  readonly configMaps: readonly ConfigMap[];
  readonly secrets: readonly Secret[];
  /** The directories of the files, whose modules the pods may use. */
  readonly directories: readonly string[];
}

/** The other fields of a container, as of Kubernetes 1.37: what they mean is checked elsewhere. */
const containerFields = [
  ...["lifecycle", "livenessProbe", "ports", "readinessProbe", "resizePolicy"],
  ...["restartPolicy", "restartPolicyRules", "securityContext", "startupProbe"],
  ...["stdin", "stdinOnce", "terminationMessagePath"],
  ...["terminationMessagePolicy", "tty", "volumeDevices"],
];
/** The other fields of a pod's spec, likewise. */
const podFields = [
  ...["affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy"],
  ...["enableServiceLinks", "ephemeralContainers", "hostAliases", "hostIPC"],
  ...["hostNetwork", "hostPID", "hostUsers", "hostname", "hostnameOverride"],
  ...["imagePullSecrets", "nodeName", "nodeSelector", "os", "overhead"],
  ...["preemptionPolicy", "priority", "priorityClassName", "readinessGates"],
  ...["resourceClaims", "resources", "runtimeClassName", "schedulerName"],
  ...["schedulingGates", "schedulingGroup", "securityContext"],
  ...["serviceAccount", "serviceAccountName", "setHostnameAsFQDN"],
  ...["shareProcessNamespace", "subdomain", "tolerations"],
  ...["topologySpreadConstraints", "workloadRef"],
];

/** An object with the fields of `shape` and, whatever their content, `others`; no more. */
function strict<T extends z.ZodRawShape>(others: readonly string[], shape: T) {
  return z.looseObject(shape).check(({ value, issues }) => {
    const known = new Set([...others, ...Object.keys(shape)]);
    for (const key of Object.keys(value).filter((key) => !known.has(key))) {
      const message = "Kubernetes knows no such field";
      issues.push({ code: "custom", path: [key], message, input: value });
    }
  });
}

const name = z.string().regex(
  /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
  "Expected a name of lower-case letters, digits, - and .",
);
const metadata = z.looseObject({
  name,
  namespace: name.optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const quantities = z.record(
  z.string(),
  z.union([z.string(), z.number().transform(String)]),
);
const container = strict(containerFields, {
  name,
  image: z.string().min(1),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  imagePullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).optional(),
  env: z.array(z.looseObject({
    name: z.string().min(1),
    value: z.string().optional(),
  })).optional(),
  envFrom: z.array(z.looseObject({})).optional(),
  volumeMounts: z.array(z.looseObject({
    name,
    mountPath: z.string().startsWith("/", "Expected an absolute path"),
    readOnly: z.boolean().optional(),
    subPath: z.string().optional(),
  })).optional(),
  resources: z.looseObject({
    limits: quantities.optional(),
    requests: quantities.optional(),
  }).optional(),
});
const count = z.number().int().nonnegative();
const pod = z.looseObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Pod"),
  metadata,
  spec: strict(podFields, {
    restartPolicy: z.enum(["Always", "OnFailure", "Never"]).optional(),
    terminationGracePeriodSeconds: count.optional(),
    activeDeadlineSeconds: count.min(1).optional(),
    initContainers: z.array(container).optional(),
    containers: z.array(container).min(1),
    volumes: z.array(z.looseObject({ name })).optional(),
  }),
});
const texts = z.record(z.string(), z.string()).optional();
const configMap = z.looseObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("ConfigMap"),
  metadata,
  data: texts,
  binaryData: texts,
});
const secret = z.looseObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Secret"),
  metadata,
  data: texts,
  stringData: texts,
});
const object = z.discriminatedUnion("kind", [pod, configMap, secret], {
  error: "Expected kind Pod, ConfigMap or Secret: `farlet run` has no cluster" +
    " to run other kinds",
});

/**
 * Reads the manifests of a file, of every `.yaml`, `.yml` and `.json` file in a directory, or of
 * standard input (`-`).
 *
 * Pods get a UID and the namespace `default` unless they have one; images `file:./x.wasm` become
 * absolute, from the manifest's directory. Anything wrong is a `ConfigError` that names the file,
 * the object and the field.
 */
export async function readManifests(source: string): Promise<Manifests> {
  const found: {
    readonly pods: Pod[];
    readonly configMaps: ConfigMap[];
    readonly secrets: Secret[];
    readonly directories: Set<string>;
  } = { pods: [], configMaps: [], secrets: [], directories: new Set() };
  for (const file of await sources(source)) {
    const directory = file === "-" ? Deno.cwd() : dirname(resolve(file));
    found.directories.add(directory);
    for (const value of (await read(file)).flatMap(listItems)) {
      const parsed = parse(file, value);
      if (parsed.kind === "ConfigMap") {
        found.configMaps.push(parsed as ConfigMap);
      } else if (parsed.kind === "Secret") found.secrets.push(parsed as Secret);
      else found.pods.push(prepared(parsed as Pod, directory));
    }
  }
  if (found.pods.length === 0) {
    throw new ConfigError(`Cannot run ${source}: there is no Pod in it`);
  }
  refuseDuplicates(found.pods);
  return { ...found, directories: [...found.directories] };
}

async function sources(source: string): Promise<readonly string[]> {
  if (source === "-" || !await isDirectory(source)) return [source];
  const files: string[] = [];
  for await (const { isFile, name } of Deno.readDir(source)) {
    if (isFile && /\.(ya?ml|json)$/.test(name)) files.push(join(source, name));
  }
  if (files.length > 0) return files.toSorted();
  throw new ConfigError(
    `Cannot run ${source}: the directory has no .yaml, .yml or .json file`,
  );
}

/** What cannot be looked at is read as a file, which says why. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}

async function read(file: string): Promise<readonly unknown[]> {
  if (file !== "-") return await readYamlFile(file);
  const text = await new Response(Deno.stdin.readable).text();
  return parseYaml(text, "standard input");
}

/** The items of a `List`, or the object itself. */
function listItems(value: unknown): readonly unknown[] {
  const list = value as { readonly kind?: unknown; readonly items?: unknown };
  return list.kind === "List" && Array.isArray(list.items)
    ? list.items
    : [value];
}

function parse(file: string, value: unknown): z.infer<typeof object> {
  const result = object.safeParse(value);
  if (result.success) return result.data;
  throw new ConfigError(
    `Cannot use ${file}${described(value)}:\n${z.prettifyError(result.error)}`,
    { cause: result.error },
  );
}

function described(value: unknown): string {
  const { kind, metadata } = (value ?? {}) as {
    readonly kind?: unknown;
    readonly metadata?: { readonly name?: unknown };
  };
  if (typeof kind !== "string") return "";
  return typeof metadata?.name === "string"
    ? ` (${kind} ${metadata.name})`
    : ` (${kind})`;
}

function prepared({ metadata, spec, ...rest }: Pod, directory: string): Pod {
  const resolved = <T extends { image?: string }>(containers: T[]): T[] =>
    containers.map((container) => ({
      ...container,
      image: absoluteImage(container.image ?? "", directory),
    }));
  return {
    ...rest,
    metadata: {
      ...metadata,
      namespace: metadata?.namespace ?? "default",
      uid: crypto.randomUUID(),
    },
    spec: {
      ...spec,
      ...(spec?.initContainers === undefined
        ? {}
        : { initContainers: resolved(spec.initContainers) }),
      containers: resolved(spec?.containers ?? []),
    },
  };
}

/** `file:x.wasm` and `file:./x.wasm` mean a file beside the manifest. */
function absoluteImage(image: string, directory: string): string {
  if (!image.startsWith("file:") || image.startsWith("file:/")) return image;
  return pathToFileURL(resolve(directory, image.slice("file:".length))).href;
}

function refuseDuplicates(pods: readonly Pod[]): void {
  const seen = new Set<string>();
  for (const { metadata } of pods) {
    const key = `${metadata?.namespace}/${metadata?.name}`;
    if (seen.has(key)) {
      throw new ConfigError(`Cannot run two Pods of the name ${key}`);
    }
    seen.add(key);
  }
}
