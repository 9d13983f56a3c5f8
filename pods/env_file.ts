/**
 * The value of a key in an env file, by the kubelet's rules: lines `NAME='value'` of a POSIX shell,
 * of which only single quotes are known, comments and blank lines. The first line of a name counts;
 * a value may go over several lines.
 *
 * Undefined for a name that is not there. A line before it that is none of these is a
 * `SyntaxError`, which says nothing of the content.
 */
export function envFileValue(text: string, key: string): string | undefined {
  const lines = text.replace(/\n$/, "").split("\n").map((line) =>
    line.replace(/\r$/, "")
  );
  for (let at = 0; at < lines.length; at++) {
    const line = (lines[at] ?? "").replace(/^[ \t]+/, "");
    if (line === "" || line.startsWith("#")) continue;
    const number = at + 1;
    const [, name = "", given = ""] = /^([^=]*)=(.*)$/s.exec(line) ??
      wrong(number, "missing '='");
    if (name.trim() === "") wrong(number, "empty variable name");
    if (/[ \t]$/.test(name)) wrong(number, "whitespace before '='");
    // As a shell, which sets the variable to nothing for the command that follows.
    if (/^[ \t]/.test(given)) {
      if (name === key) return "";
      continue;
    }
    if (!given.startsWith("'")) {
      wrong(number, "value must be enclosed in single quotes");
    }
    let rest = given.slice(1);
    const parts: string[] = [];
    while (!rest.includes("'")) {
      parts.push(rest);
      rest = lines[++at] ?? wrong(number, "unclosed single quote");
    }
    const end = rest.indexOf("'");
    parts.push(rest.slice(0, end));
    if (!/^[ \t]*(#|$)/.test(rest.slice(end + 1))) {
      wrong(at + 1, "unexpected content after closing quote");
    }
    if (name === key) return parts.join("\n");
  }
  return undefined;
}

function wrong(line: number, why: string): never {
  throw new SyntaxError(`Cannot read the env file: line ${line}: ${why}`);
}
