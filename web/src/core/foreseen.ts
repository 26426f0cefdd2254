/**
 * The answer to a question that somebody is about to ask.
 *
 * Promises: the last question only; its answer is given once, and no later than it can be true; a refusal is forgotten.
 */
import type { RunPage, RunQuery } from "./wire";

const TRUE_MS = 3000;

export class Foreseen {
  private question = "";
  private answer: Promise<RunPage> | null = null;
  private at = -Infinity;

  constructor(
    private readonly ask: (query: RunQuery) => Promise<RunPage>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Asks in advance, unless that question was asked just now. */
  prepare(query: RunQuery): void {
    const question = JSON.stringify(query);
    if (question === this.question && this.answer && this.now() - this.at < TRUE_MS) return;
    [this.question, this.at, this.answer] = [question, this.now(), this.ask(query)];
    this.answer.catch(() => (this.answer = null)); // asked again when it is wanted
  }

  /** The answer, from the server unless it was asked for in advance. */
  page(query: RunQuery): Promise<RunPage> {
    const { answer, question } = this;
    if (!answer || question !== JSON.stringify(query) || this.now() - this.at >= TRUE_MS) return this.ask(query);
    this.answer = null;
    return answer;
  }
}
