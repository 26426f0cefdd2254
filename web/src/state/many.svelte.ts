/** Something that many runs go through: how far it is, how to stop it, and what is to be said of it. */
import { inPieces, refusedText } from "../core/bulk";
import { formatCount } from "../core/format";
import type { RunRow, RunsOutcome } from "../core/wire";

export class Many {
  busy = $state(false);
  /** Somebody wants no further piece of it. */
  stopping = $state(false);
  /** How far it is; null where there is nothing to say. */
  progress = $state<string | null>(null);
  refused = $state<string | null>(null);

  /** Whether all runs went through it. */
  async run(runs: readonly RunRow[], size: number, send: (uids: string[]) => Promise<RunsOutcome>): Promise<boolean> {
    const tell = (tried: number): void => void (this.progress = runs.length > 1 ? `${formatCount(tried)} of ${formatCount(runs.length)}` : null);
    this.busy = true;
    this.stopping = false;
    this.refused = null;
    tell(0);
    const outcome = await inPieces(runs, size, send, { progress: tell, stopped: () => this.stopping });
    this.busy = false;
    this.progress = null;
    this.refused = refusedText(outcome);
    return this.refused === null;
  }

  /** The piece that is on its way is still done. */
  stop(): void {
    this.stopping = true;
  }
}
