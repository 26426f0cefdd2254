/** The step that a page of media looks at, and its parameter of the address (`at`). Null is the newest. */
import { nav } from "../../state/nav.svelte";

const WRITE_MS = 250;

export class MediaPlace {
  at = $state<number | null>(readAt(nav.rest.at));
  private writing: ReturnType<typeof setTimeout> | undefined;

  /** Looks at another step. The address follows a little later: a browser takes only so many changes of it. */
  readonly move = (to: number | null): void => {
    this.at = to;
    clearTimeout(this.writing);
    this.writing = setTimeout(() => ((this.writing = undefined), nav.set({ at: this.at === null ? null : String(this.at) })), WRITE_MS);
  };

  /** What the address says, in an effect: somebody went back. */
  follow(): void {
    const told = readAt(nav.rest.at);
    if (this.writing === undefined) this.at = told;
  }

  end(): void {
    clearTimeout(this.writing);
  }
}

function readAt(text: string | undefined): number | null {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : null;
}
