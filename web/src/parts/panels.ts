/** What the parts around charts tell each other, and the panels pinned on this machine. */
import type { RunRow } from "../core/wire";

export interface PlottedRun {
  uid: string;
  name: string;
  color: number;
  nanKey: string | null;
  nanStep: number | null;
  /** Among other runs a dash tells runs of one color apart; alone there is nothing to tell apart. */
  solid: boolean;
}

export interface PanelSettings {
  pinned: boolean;
  expanded: boolean;
  clip: boolean;
}

export function plottedRun(run: RunRow, solid = false): PlottedRun {
  return { uid: run.uid, name: run.name, color: run.color, nanKey: run.nan_key, nanStep: run.nan_step, solid };
}

const storageKey = (scope: string): string => `epochal:pinned:${scope}`;

export function readPinned(scope: string): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(storageKey(scope)) ?? "[]");
    return Array.isArray(value) ? value.filter((v) => typeof v === "string") : [];
  } catch {
    return [];
  }
}

export function writePinned(scope: string, keys: readonly string[]): void {
  try {
    localStorage.setItem(storageKey(scope), JSON.stringify(keys));
  } catch {
    // Without storage a pin lasts until the page is left.
  }
}
