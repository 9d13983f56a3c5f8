/** How a registry wants to be asked, from its `WWW-Authenticate`. */
export type AuthChallenge =
  | { readonly kind: "basic" }
  | {
    readonly kind: "bearer";
    /** Where tokens are given out. */
    readonly realm: string;
    readonly service?: string;
    readonly scope?: string;
  };

/** What a header asks for: a token if it can be one; undefined where nothing is understood. */
export function parseChallenge(header: string): AuthChallenge | undefined {
  const challenges = [
    ...header.matchAll(
      /(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?=\s+[A-Za-z][\w-]*\s*=|\s*$|\s*,)((?:\s*(?:,\s*)?[A-Za-z][\w-]*\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",]+))*)/g,
    ),
  ].map(([, scheme = "", rest = ""]) => ({
    scheme: scheme.toLowerCase(),
    parameters: parameters(rest),
  }));
  for (const { scheme, parameters } of challenges) {
    const { realm, service, scope } = parameters;
    if (scheme !== "bearer" || !realm) continue;
    return {
      kind: "bearer",
      realm,
      ...(service === undefined ? {} : { service }),
      ...(scope === undefined ? {} : { scope }),
    };
  }
  return challenges.some(({ scheme }) => scheme === "basic")
    ? { kind: "basic" }
    : undefined;
}

function parameters(text: string): Readonly<Record<string, string>> {
  const found = text.matchAll(
    /([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/g,
  );
  return Object.fromEntries(
    [...found].map(([, name = "", quoted, plain = ""]) => [
      name.toLowerCase(),
      quoted?.replaceAll(/\\(.)/g, "$1") ?? plain,
    ]),
  );
}
