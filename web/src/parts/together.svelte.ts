/**
 * How parts of a page ask: until they are answered, telling meanwhile why not; and together, so that nothing on screen
 * moves for what comes. Of what stands `Together` nothing is seen until its first questions are answered or have failed,
 * but for no longer than `PATIENCE_MS`.
 */
import { getContext, setContext } from "svelte";
import type { ApiError } from "../core/api";

type Until = <T>(answer: Promise<T>) => Promise<T>;

const KEY = Symbol();
const PATIENCE_MS = 2000;
/** What came is drawn, seen and asks for more in so many frames. */
const FRAMES = 4;
const AGAIN_MS = 4000;

export class Together {
  whole = $state(false);
  private open = 0;

  constructor() {
    setTimeout(() => (this.whole = true), PATIENCE_MS);
    setContext<Until>(KEY, this.until);
  }

  /** Waits for an answer; gives it back. */
  readonly until: Until = (answer) => {
    this.open++;
    const ended = async (): Promise<void> => {
      for (let i = 0; i < FRAMES; i++) await new Promise(requestAnimationFrame);
      if (--this.open === 0) this.whole = true;
    };
    answer.then(ended, ended);
    return answer;
  };
}

/**
 * Of a part, while it is made: what asks for it, in effects. A question that fails is asked again
 * where that may help; `failed` hears why it did, and null once it is answered. What comes after the effect has ended is not heard.
 */
export function asker() {
  const until = getContext<Until | undefined>(KEY) ?? ((answer) => answer);
  return <T>(question: () => Promise<T>, got: (answer: T) => void, failed: (why: string | null) => void): (() => void) => {
    let gone = false;
    const ask = (): unknown =>
      gone ||
      until(question()).then(
        (answer) => gone || (failed(null), got(answer)),
        (error: ApiError) => gone || (failed(error.message), error.passing && setTimeout(ask, AGAIN_MS)),
      );
    ask();
    return () => void (gone = true);
  };
}
