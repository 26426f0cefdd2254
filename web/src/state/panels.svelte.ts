/** What the toolbar and the charts share: whether a panel is being added, and whether charts follow the newest points. */
import type * as Charts from "../pages/charts/charts";
import type * as Reports from "../pages/reports/reports";

class PanelsState {
  /** Loads what charts need beyond curves; a chunk of its own, which App.svelte knows (a chunk must not know its user). */
  more: () => Promise<typeof Charts> = () => Promise.reject(new Error("this part of the page is not there"));
  /** Loads the dialog that puts something into a report; the same. */
  report: () => Promise<typeof Reports> = () => Promise.reject(new Error("this part of the page is not there"));
  /** What is to be put into a report: the lines of a panel, or a piece of Markdown. */
  reporting = $state.raw<{ panel: string } | { part: string } | null>(null);
  /** The dialog for adding a panel is open. */
  adding = $state(false);
  /** A zoomed view slides along with the newest points. */
  follow = $state(false);
  /** Counts what was heard of runs; panels over runs ask again after it. */
  changes = $state(0);
}

export const panels = new PanelsState();
