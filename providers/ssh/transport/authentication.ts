import { messageOf } from "../../../async/message_of.ts";
import type { AuthMethod } from "./ssh_client.ts";
import type { SshTarget } from "./target.ts";

/** The ways to say who asks, one after the other as OpenSSH does: agent, keys, password. */
export class Authentication {
  readonly #target: SshTarget;
  readonly #methods: AsyncGenerator<AuthMethod>;
  readonly #tried: string[] = [];
  readonly #problems: string[] = [];
  #accepted: readonly string[] | undefined;

  constructor(target: SshTarget) {
    this.#target = target;
    this.#methods = this.#all();
  }

  /** The next one that the server accepts; undefined when there is none left. */
  async next(
    accepted: readonly string[] | undefined,
  ): Promise<AuthMethod | undefined> {
    this.#accepted = accepted;
    const { value, done } = await this.#methods.next();
    return done ? undefined : value;
  }

  /** Why none of them was taken, with a remedy. `error` is how it ended. */
  failure(error: unknown): string {
    const { user } = this.#target;
    const tried = this.#tried.length === 0
      ? "there was nothing to show it"
      : `it refused ${this.#tried.join(", ")}`;
    const said = messageOf(error);
    const problems = [
      ...this.#problems,
      ...(/^All configured/.test(said) ? [] : [said]), // which says no more
    ].map((problem) => `; ${problem}`).join("");
    const accepted = this.#accepted === undefined
      ? ""
      : `the server lets "${user}" in by ${this.#accepted.join(", ")}, and `;
    return `${accepted}${tried}${problems}; ` +
      `add your public key to ~/.ssh/authorized_keys of "${user}" there, or give another key with --identity-file`;
  }

  async *#all(): AsyncGenerator<AuthMethod> {
    const { agentSocket, identities } = this.#target;
    // Without it ssh2 does not know what is accepted until something was refused.
    if (agentSocket === undefined && identities.length === 0) {
      yield { kind: "none" };
    }
    if (agentSocket !== undefined && this.#accepts("publickey")) {
      this.#tried.push("the keys of the agent");
      yield { kind: "agent", socket: agentSocket };
    }
    for (const identity of identities) {
      if (!this.#accepts("publickey")) break;
      const privateKey = await identity.privateKey().catch((error: unknown) => {
        this.#problems.push(messageOf(error));
      });
      if (privateKey === undefined) continue;
      this.#tried.push(`the key "${identity.source}"`);
      yield { kind: "key", privateKey };
    }
    yield* this.#byPassword();
  }

  async *#byPassword(): AsyncGenerator<AuthMethod> {
    const byPassword = this.#accepts("password");
    const byPrompt = this.#accepts("keyboard-interactive");
    if (!byPassword && !byPrompt) return;
    const password = await this.#target.password?.();
    if (password === undefined) return;
    this.#tried.push("the password");
    if (byPassword) yield { kind: "password", password };
    if (this.#accepts("keyboard-interactive")) {
      yield { kind: "prompt", password };
    }
  }

  #accepts(method: string): boolean {
    return this.#accepted?.includes(method) ?? true;
  }
}
