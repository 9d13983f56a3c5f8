import { abortable, type AbortOptions } from "../../async/abort.ts";

/**
 * Questions that are answered together, one round after the other: those that come while others are
 * being answered make the next one.
 */
export class Rounds<Q, A> {
  readonly #answer: (
    questions: readonly Q[],
    options: AbortOptions,
  ) => Promise<(question: Q) => A>;
  #open:
    | { readonly questions: Q[]; readonly answers: Promise<(q: Q) => A> }
    | undefined;
  #before: Promise<unknown> = Promise.resolve();

  constructor(
    answer: (
      questions: readonly Q[],
      options: AbortOptions,
    ) => Promise<(question: Q) => A>,
  ) {
    this.#answer = answer;
  }

  /** How many make the next round so far. */
  get waiting(): number {
    return this.#open?.questions.length ?? 0;
  }

  /** Resolves or rejects as the round of the question does. */
  async ask(question: Q, options: AbortOptions): Promise<A> {
    const round = this.#open ??= this.#begin();
    round.questions.push(question);
    const answers = await abortable(round.answers, options);
    return answers(question);
  }

  #begin() {
    const questions: Q[] = [];
    const answers = this.#run(questions);
    this.#before = answers.catch(() => undefined); // told to who asked
    return { questions, answers };
  }

  async #run(questions: readonly Q[]): Promise<(question: Q) => A> {
    await this.#before;
    this.#open = undefined;
    // Several wait for it, so none of them may end it; it is short.
    const { signal } = new AbortController();
    return await this.#answer(questions, { signal });
  }
}
