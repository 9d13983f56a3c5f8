/** One of the types that an `Accept` header asks for. */
export interface AcceptedMedia {
  /** Such as `application/json`, in lower case; `*` for any. */
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** What an `Accept` header asks for, most wanted first, without what it refuses. */
export function acceptedMedia(header: string): readonly AcceptedMedia[] {
  const clauses = header.split(",").map((clause) => {
    const [type = "", ...rest] = clause.split(";").map((part) => part.trim());
    const parameters = new Map(rest.map((parameter) => {
      const [name = "", value = ""] = parameter.split("=", 2);
      return [name.trim().toLowerCase(), value.trim()] as const;
    }));
    const quality = Number(parameters.get("q") ?? 1);
    parameters.delete("q");
    return { type: type.toLowerCase(), parameters, quality };
  });
  return clauses.filter(({ type, quality }) => type !== "" && quality > 0)
    .toSorted((a, b) => b.quality - a.quality)
    .map(({ type, parameters }) => ({ type, parameters }));
}
