import type { Pod } from "../../k8s/types.ts";
import type { Refusal } from "../provider.ts";
import type { HttpSettings } from "./guest_spec.ts";

/**
 * How a component answers HTTP requests, as the annotations of its pod say: `farlet.dev/pool-size`,
 * `farlet.dev/max-invocations` and `farlet.dev/max-concurrency`, for one container alone with its
 * name behind a dot. Without them each request has an instance of its own. Throws a TypeError that
 * names the annotation where one is no whole number from 1 on.
 */
export function httpSettings(
  annotations: Readonly<Record<string, string>>,
  container: string,
): HttpSettings {
  const read = (name: string) => {
    const key = keyFor(name, container, annotations);
    const text = annotations[key];
    return text === undefined ? undefined : wholeNumber(key, text);
  };
  const maxInvocations = read(names.maxInvocations) ?? 1;
  return {
    poolSize: maxInvocations > 1 ? read(names.poolSize) ?? 0 : 0,
    maxInvocations,
    maxConcurrency: read(names.maxConcurrency) ?? Number.MAX_SAFE_INTEGER,
  };
}

/** Those of a pod's annotations that {@linkcode httpSettings} reads. */
export function httpAnnotations(
  annotations: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => splitKey(key) !== undefined),
  );
}

/** Annotations that say what cannot be. */
export function httpRefusals({ metadata, spec }: Pod): readonly Refusal[] {
  const annotations = metadata?.annotations ?? {};
  const containers = [...spec?.initContainers ?? [], ...spec?.containers ?? []]
    .map(({ name }) => name);
  return Object.entries(httpAnnotations(annotations)).flatMap(([key, text]) => {
    const field = `metadata.annotations[${key}]`;
    const { name, container } = splitKey(key) ?? { name: "" };
    if (container !== undefined && !containers.includes(container)) {
      return [{ field, message: `the pod has no container "${container}"` }];
    }
    if (!isWholeNumber(text)) return [{ field, message: notWhole(text) }];
    const concerned = container === undefined ? containers : [container];
    const isKept = name !== names.poolSize || concerned.some((each) => {
      const key = keyFor(names.maxInvocations, each, annotations);
      return Number(annotations[key]) > 1;
    });
    return isKept ? [] : [{
      field,
      message:
        `no instance is kept unless ${names.maxInvocations} lets it answer several requests`,
    }];
  });
}

/** The annotation that counts for a container: its own, or else that for all. */
function keyFor(
  name: string,
  container: string,
  annotations: Readonly<Record<string, string>>,
): string {
  const own = `${name}.${container}`;
  return annotations[own] === undefined ? name : own;
}

function splitKey(
  key: string,
): { readonly name: string; readonly container?: string } | undefined {
  for (const name of Object.values(names)) {
    if (key === name) return { name };
    if (key.startsWith(`${name}.`)) {
      return { name, container: key.slice(name.length + 1) };
    }
  }
  return undefined;
}

function wholeNumber(key: string, text: string): number {
  if (isWholeNumber(text)) return Number(text);
  throw new TypeError(`Cannot use annotation ${key}: ${notWhole(text)}`);
}

function isWholeNumber(text: string): boolean {
  return /^[1-9]\d{0,8}$/.test(text);
}

function notWhole(text: string): string {
  return `"${text}" is no whole number from 1 to 999999999`;
}

const names = {
  poolSize: "farlet.dev/pool-size",
  maxInvocations: "farlet.dev/max-invocations",
  maxConcurrency: "farlet.dev/max-concurrency",
} as const;
