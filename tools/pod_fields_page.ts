/** `deno task docs`: writes `docs/pod-fields.md` from the table of pod fields. */
import {
  type FieldRow,
  fieldTable,
  providerNames,
} from "../pod_field_table.ts";
import type { FieldSupport } from "../providers/pod_field.ts";

const intro = `# Pod fields

What farlet makes of every field of the Pod API (Kubernetes 1.37), for nodes of
hosts over SSH, of WASI modules and of the simulated provider \`memory\`. This
page is made from the table that the program itself goes by.
\`farlet explain -f pod.yaml\` prints the rows that a manifest uses, and fails
where one of its fields would be refused.

- **ok**: it does what the API says.
- **emulated**: as good as that, in another way.
- **refused**: the pod does not start; an Event \`UnsupportedField\` and its
  containers name the field. Values after "but" are taken.
- **ignored**: the pod runs without it; an Event \`IgnoredField\` says so once.
- **depends**: on the value or the machine, as the note says.
- **elsewhere**: not a node's business; the scheduler, the API server or
  controllers read it.

\`{a,b}\` stands for each of the two, \`.*\` for a field and all below it that has
no row of its own, \`container.\` for each of \`spec.containers[].\`,
\`spec.initContainers[].\` and \`spec.ephemeralContainers[].\`, \`*Probe\` for
\`startupProbe\`, \`readinessProbe\` and \`livenessProbe\`.
`;

const sections: readonly (readonly [
  title: string,
  has: (row: FieldRow) => boolean,
])[] = [
  [
    "Pod",
    ({ field }) => /^(metadata|spec\.(?!volumes|.*ontainers))/.test(field),
  ],
  [
    "Containers",
    ({ field }) =>
      /^container\.(?!lifecycle)|^spec\..*ontainers/.test(field) &&
      !field.includes("Probe,"),
  ],
  [
    "Probes and hooks",
    ({ field }) =>
      field.includes("Probe,") || field.startsWith("container.lifecycle"),
  ],
  ["Volumes", ({ field }) => field.startsWith("spec.volumes")],
];

/** The text of the page. */
export function podFieldsPage(): string {
  const table = fieldTable();
  const parts = sections.map(([title, has]) =>
    [`## ${title}`, "", ...lines(table.filter(has)), ""].join("\n")
  );
  return [intro, ...parts].join("\n");
}

/** Rows stand for what is below unless that has its own: it need not be named one by one. */
function short(field: string): string {
  return field.replace("{startupProbe,readinessProbe,livenessProbe}", "*Probe")
    .replace(/\{,[^{}]*\}+.*$/, ".*");
}

/** A table whose columns are aligned, as `deno fmt` wants it. */
function lines(rows: readonly FieldRow[]): readonly string[] {
  const cells = [
    ["Field", ...providerNames, "Notes"],
    ...rows.map((row) => [
      `\`${short(row.field)}\``,
      ...providerNames.map((name) => cell(row.providers[name])),
      notes(row),
    ]),
  ];
  const widths =
    cells[0]?.map((_, column) =>
      Math.max(3, ...cells.map((row) => row[column]?.length ?? 0))
    ) ?? [];
  const [head = "", ...body] = cells.map((row) =>
    `| ${row.map((text, i) => text.padEnd(widths[i] ?? 0)).join(" | ")} |`
  );
  return [head, `| ${widths.map((n) => "-".repeat(n)).join(" | ")} |`, ...body];
}

function cell({ support, unless = [] }: FieldSupport): string {
  const taken = unless.map((value) => value === "" ? '`""`' : `\`${value}\``);
  return taken.length === 0 ? support : `${support} but ${taken.join(", ")}`;
}

/** One note where all say the same, else each with the name of its provider. */
function notes(row: FieldRow): string {
  const own = providerNames.map((name) =>
    [
      name,
      row.providers[name].note ?? "",
    ] as const
  );
  const [[, first]] = own as [(typeof own)[number]];
  if (own.every(([, note]) => note === first)) return first;
  const texts = new Map<string, string[]>();
  for (const [name, note] of own) {
    if (note !== "") texts.set(note, [...texts.get(note) ?? [], name]);
  }
  return [...texts].map(([note, names]) => `${names.join(", ")}: ${note}`)
    .join("; ");
}

if (import.meta.main) {
  const path = new URL("../docs/pod-fields.md", import.meta.url);
  await Deno.writeTextFile(path, podFieldsPage());
}
