import { ConfigError } from "../async/config_error.ts";

/**
 * The name of the pod that `web`, `pod/web`, `pods/web` or `po/web` mean.
 *
 * @throws {ConfigError} For any other form or kind of object.
 */
export function podArgument(text: string): string {
  const [kindOrName = "", name, ...more] = text.split("/");
  if (name === undefined && kindOrName !== "") return kindOrName;
  if (!name || more.length > 0) {
    throw new ConfigError(
      `Cannot use "${text}": expected POD or pod/NAME`,
    );
  }
  if (/^(pods?|po)$/i.test(kindOrName)) return name;
  throw new ConfigError(
    `Cannot use "${text}": an agent knows pods only, no "${kindOrName}"`,
  );
}
