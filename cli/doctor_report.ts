import type { AbortOptions } from "../async/abort.ts";
import { formatYaml } from "../async/yaml_file.ts";
import { examineHost } from "../providers/ssh/doctor.ts";
import type { Finding } from "../providers/ssh/doctor_finding.ts";
import { targetName } from "../providers/ssh/transport/connect_error.ts";
import { DialLimit } from "../providers/ssh/transport/dial_limit.ts";
import type { SshTarget } from "../providers/ssh/transport/target.ts";
import { type Colour, coloured, printable } from "./output.ts";

/** Options of {@linkcode reportHosts}. */
export interface ReportOptions extends AbortOptions {
  /** For programs; a table for people unless given. */
  readonly format?: "json" | "yaml";
  readonly colours: boolean;
  print(text: string): void;
}

/** Everything that was found of one host. */
export interface HostReport {
  readonly host: string;
  /** Whether it can be a node. */
  readonly usable: boolean;
  readonly findings: readonly Finding[];
}

const verdictColours: Readonly<Record<Finding["verdict"], Colour>> = {
  ok: 32,
  warn: 33,
  fail: 31,
};
/** Columns: the longest verdict, and the longest name of a check. */
const verdictWidth = 4;
const checkWidth = 17;

/**
 * Examines hosts at once and prints what is found in the order of the hosts, that of a single one as
 * it is found. Resolves whether all can be nodes.
 */
export async function reportHosts(
  targets: readonly SshTarget[],
  { format, colours, print, signal }: ReportOptions,
): Promise<boolean> {
  const dialLimit = new DialLimit();
  const stream = format === undefined && targets.length === 1;
  const line = (finding: Finding) => findingLines(finding, { colours });
  const reports = targets.map(async (target): Promise<HostReport> => {
    const host = targetName(target);
    const findings: Finding[] = [];
    if (stream) print(`${host}\n`);
    for await (const finding of examineHost(target, { dialLimit, signal })) {
      findings.push(finding);
      if (stream) print(line(finding));
    }
    const usable = findings.every(({ verdict }) => verdict !== "fail");
    return { host, usable, findings };
  });
  // What fails first ends all; the others must not fail unheard meanwhile.
  const all = Promise.all(reports);
  all.catch(() => undefined);
  if (format !== undefined) {
    const hosts = await all;
    print(
      format === "yaml"
        ? formatYaml({ hosts })
        : `${JSON.stringify({ hosts }, undefined, 4)}\n`,
    );
    return hosts.every(({ usable }) => usable);
  }
  for (const [index, pending] of reports.entries()) {
    const report = await pending;
    if (!stream) {
      print(`${index === 0 ? "" : "\n"}${report.host}\n`);
      print(report.findings.map(line).join(""));
    }
    print(`${conclusion(report)}\n`);
  }
  return (await all).every(({ usable }) => usable);
}

/** A finding as an aligned line, and its remedy below. */
export function findingLines(
  { check, verdict, found, remedy }: Finding,
  { colours }: { readonly colours: boolean },
): string {
  const word = colours ? coloured(verdict, verdictColours[verdict]) : verdict;
  const gap = " ".repeat(verdictWidth - verdict.length + 2);
  const name = check.padEnd(checkWidth + 2);
  const indent = " ".repeat(2 + verdictWidth + 2 + checkWidth + 2);
  return `  ${word}${gap}${name}${printable(found)}\n` +
    (remedy === undefined ? "" : `${indent}remedy: ${printable(remedy)}\n`);
}

function conclusion({ host, findings, usable }: HostReport): string {
  const count = (verdict: Finding["verdict"]) =>
    findings.filter((finding) => finding.verdict === verdict).length;
  if (!usable) return `${host} cannot be a node: mend what failed`;
  const warnings = count("warn");
  if (warnings === 0) return `${host} can be a node`;
  return `${host} can be a node, with ${warnings} warning${
    warnings === 1 ? "" : "s"
  }`;
}
