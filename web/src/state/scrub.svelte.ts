/** The step that a run's page looks at: one for charts, media, histograms and log. Null is the newest. */
import type { XAxis } from "../core/wire";

class Scrub {
  step = $state<number | null>(null);
  /** When that step was logged, once that is known. */
  t_us = $state<number | null>(null);
  private created = 0;

  /** Begins with a run, or ends with null. */
  begin(created_us: number): void {
    this.created = created_us;
    this.step = null;
    this.t_us = null;
  }

  /** Where the step stands on an axis; null when it does not. */
  on(x: XAxis): number | null {
    if (this.step === null) return null;
    if (x === "step") return this.step;
    if (this.t_us === null || typeof x !== "string") return null;
    return x === "wall" ? this.t_us : this.t_us - this.created;
  }
}

export const scrub = new Scrub();
