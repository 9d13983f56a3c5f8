/** `path-with-query` as a property of JavaScript: `pathWithQuery`. */
export function camelCase(name: string): string {
  const [first = "", ...others] = name.split("-");
  return first.toLowerCase() + others.map(capitalized).join("");
}

/** `incoming-request` as a class: `IncomingRequest`. */
export function pascalCase(name: string): string {
  return name.split("-").map(capitalized).join("");
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
}
