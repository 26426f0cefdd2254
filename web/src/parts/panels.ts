/** What the parts around charts tell each other, and how charts are arranged on this machine. */
import type { Scene } from "../core/chart";
import type { LegendEntry } from "../core/charts/picture";
import type { Want } from "../core/store";
import { ARRANGEMENT, type Arrangement } from "../core/url";
import type { RunRow } from "../core/wire";

export interface PlottedRun {
  uid: string;
  name: string;
  color: number;
  nanKey: string | null;
  nanStep: number | null;
  /** Among other runs a dash tells runs of one color apart; alone there is nothing to tell apart. */
  solid: boolean;
  /** Uids of all runs of a group, which is drawn as one; `uid` is then a name of the group. */
  members?: readonly string[];
}

export interface PanelSettings {
  pinned: boolean;
  expanded: boolean;
  clip: boolean;
}

/** What a panel is asked for when it is to be exported or driven by keys. */
export interface PanelHandle {
  title: string;
  /** What its lines are made of; null for a panel that has none. */
  want: Want | null;
  /** Names of the want's series, in its order. */
  names: readonly string[];
  scene(): Scene | null;
  nudge(by: number): boolean;
  /** The values of a panel without lines, as CSV. */
  table?(): string | Promise<string>;
  /** What shows a panel without lines, and the names that its colors stand for. */
  shown?(): { body: HTMLElement; legend: LegendEntry[] };
  /** A program that reads what a panel without lines shows. */
  python?(): string;
}

/** How a panel is moved among its neighbors; null where panels stay as they are. */
export interface Mover {
  moved: boolean;
  target: boolean;
  start(event: DragEvent): void;
  over(event: DragEvent): void;
  drop(event: DragEvent): void;
  end(): void;
  by(places: number): void;
}

export function plottedRun(run: RunRow, solid = false): PlottedRun {
  return { uid: run.uid, name: run.name, color: run.color, nanKey: run.nan_key, nanStep: run.nan_step, solid };
}

const storageKey = (scope: string): string => `epochal:charts:${scope}`;

/** The arrangement that was left on this machine; empty when there is none that can be read. */
export function readArrangement(scope: string): Partial<Arrangement> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(storageKey(scope)) ?? "{}");
    const found: Partial<Arrangement> = {};
    for (const key of ARRANGEMENT) {
      const list = (value as Record<string, unknown> | null)?.[key];
      if (Array.isArray(list) && list.length > 0 && list.every((v) => typeof v === "string")) found[key] = list;
    }
    return found;
  } catch {
    // Damaged or without storage: charts stand in their own order.
    return {};
  }
}

export function writeArrangement(scope: string, arrangement: Arrangement): void {
  try {
    const kept = Object.fromEntries(ARRANGEMENT.filter((key) => arrangement[key].length > 0).map((key) => [key, arrangement[key]]));
    if (Object.keys(kept).length > 0) localStorage.setItem(storageKey(scope), JSON.stringify(kept));
    else localStorage.removeItem(storageKey(scope));
  } catch {
    // Without storage the address alone has it.
  }
}
