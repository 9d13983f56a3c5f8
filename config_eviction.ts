import * as z from "zod";
import { duration, fields, not, text, wholeNumber } from "./config_fields.ts";
import { formatDuration, parseDuration } from "./k8s/duration.ts";
import { bytes, formatBytes } from "./k8s/quantity.ts";
import {
  defaultEvictionHard,
  type EvictionSettings,
  type EvictionSignal,
  evictionSignals,
  type EvictionThreshold,
  type ThresholdAmount,
} from "./pods/eviction_thresholds.ts";

const amountForms = "a quantity such as 100Mi or a share such as 10%";

const amount = text(amountForms).transform((text, context) => {
  const amount = parseAmount(text);
  if (amount !== undefined) return amount;
  const message = `expected ${amountForms}, not ${JSON.stringify(text)}`;
  context.issues.push({ code: "custom", input: text, message });
  return z.NEVER;
});

/** By signal; what is not given has none. */
function bySignal<T extends z.ZodType>(value: T) {
  const optional = value.exactOptional();
  return fields(
    {
      "memory.available": optional,
      "nodefs.available": optional,
      "nodefs.inodesFree": optional,
      "imagefs.available": optional,
      "imagefs.inodesFree": optional,
      "pid.available": optional,
    } satisfies Record<EvictionSignal, unknown>,
  );
}

/** When pods are evicted; the names, defaults and rules are those of a KubeletConfiguration. */
export function evictionSchema() {
  return fields({
    hard: bySignal(amount).default({ ...defaultEvictionHard }),
    soft: bySignal(amount).default({}),
    softGracePeriod: bySignal(
      text("a duration such as 1m30s").refine(
        (text) => parseDuration(text) !== undefined,
        not("a duration such as 1m30s"),
      ),
    ).default({}),
    minimumReclaim: bySignal(amount).default({}),
    pressureTransitionPeriod: duration("5m0s"),
    maxPodGracePeriodSeconds: wholeNumber("a whole number of seconds", {
      min: 0,
    }).default(0),
  }).superRefine(({ soft, softGracePeriod }, context) => {
    for (const signal of signalsOf(soft)) {
      if (softGracePeriod[signal] !== undefined) continue;
      context.addIssue({
        code: "custom",
        path: ["softGracePeriod"],
        message: `missing: ${signal} is a soft threshold and needs one`,
      });
    }
  }).transform((config): EvictionSettings => ({
    thresholds: [
      ...thresholds(config.hard, config.minimumReclaim, () => 0),
      ...thresholds(
        config.soft,
        config.minimumReclaim,
        (signal) => parseDuration(config.softGracePeriod[signal] ?? "") ?? 0,
      ),
    ],
    transitionMs: config.pressureTransitionPeriod,
    maxPodGraceSeconds: config.maxPodGracePeriodSeconds,
  })).prefault({});
}

/** What `/configz` shows of it. */
export function evictionConfiguration(
  { thresholds, transitionMs, maxPodGraceSeconds }: EvictionSettings,
): Readonly<Record<string, unknown>> {
  const map = (
    of: readonly EvictionThreshold[],
    text: (threshold: EvictionThreshold) => string | undefined,
  ) =>
    Object.fromEntries(
      of.flatMap((each) => {
        const value = text(each);
        return value === undefined ? [] : [[each.signal, value]];
      }),
    );
  const hard = thresholds.filter(({ graceMs }) => graceMs === 0);
  const soft = thresholds.filter(({ graceMs }) => graceMs > 0);
  return {
    evictionHard: map(hard, ({ amount }) => amountText(amount)),
    evictionSoft: map(soft, ({ amount }) => amountText(amount)),
    evictionSoftGracePeriod: map(
      soft,
      ({ graceMs }) => formatDuration(graceMs),
    ),
    evictionMinimumReclaim: map(
      thresholds,
      ({ minimumReclaim }) => minimumReclaim && amountText(minimumReclaim),
    ),
    evictionPressureTransitionPeriod: formatDuration(transitionMs),
    evictionMaxPodGracePeriod: maxPodGraceSeconds,
  };
}

type Amounts = Partial<Record<EvictionSignal, ThresholdAmount>>;

function thresholds(
  amounts: Amounts,
  reclaim: Amounts,
  graceMs: (signal: EvictionSignal) => number,
): readonly EvictionThreshold[] {
  return signalsOf(amounts).flatMap((signal): EvictionThreshold[] => {
    const amount = amounts[signal];
    if (amount === undefined || isOff(amount)) return [];
    const minimumReclaim = reclaim[signal];
    return [{
      signal,
      amount,
      graceMs: graceMs(signal),
      ...(minimumReclaim === undefined ? {} : { minimumReclaim }),
    }];
  });
}

function signalsOf(amounts: Amounts): readonly EvictionSignal[] {
  return evictionSignals.filter((signal) => amounts[signal] !== undefined);
}

/** As the kubelet has it: `0%` and `100%` mean that the signal does not count. */
function isOff(amount: ThresholdAmount): boolean {
  return amount.kind === "share"
    ? amount.share === 0 || amount.share === 1
    : amount.amount === 0;
}

function parseAmount(text: string): ThresholdAmount | undefined {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined) {
    const share = Number(percent) / 100;
    return share <= 1 ? { kind: "share", share } : undefined;
  }
  try {
    const amount = bytes(text);
    return amount >= 0 ? { kind: "quantity", amount } : undefined;
  } catch {
    return undefined; // The schema says what it expected.
  }
}

function amountText(amount: ThresholdAmount): string {
  return amount.kind === "share"
    ? `${Number((amount.share * 100).toFixed(6))}%`
    : formatBytes(amount.amount);
}
