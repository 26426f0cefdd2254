/** ROC, precision-recall and other curves of several runs in one plot. Pure. */
import { DASHES, RUN_COLORS } from "../palette";
import type { PlotSpec, Series, XYSpec } from "./spec";

/** What one run has logged. */
export interface OfRun {
  name: string;
  /** The run's color number. */
  color: number;
  spec: PlotSpec;
}

const HUES = RUN_COLORS.light.length;
const TOGETHER = ["roc", "pr", "line"];

/** Whether plots of this type may lie over each other. */
export const isCurve = (type: unknown): boolean => typeof type === "string" && TOGETHER.includes(type);

/**
 * All curves on one pair of axes; null where they are of different kinds or of different quantities, or there is one run only.
 *
 * @returns the plot and the color number of each curve: that of its run; of several curves of a run each has a dash
 */
export function overlaid(runs: readonly OfRun[]): { spec: XYSpec; colors: number[] } | null {
  const specs = runs.flatMap(({ spec }) => (isCurve(spec.kind) ? [spec as XYSpec] : []));
  const [first] = specs;
  if (specs.length !== runs.length || runs.length < 2) return null;
  if (specs.some((s) => s.kind !== first.kind || s.x !== first.x || s.y !== first.y || s.days !== first.days)) return null;
  const curves = runs.flatMap(({ name, color }, r) =>
    specs[r].series.map((one, at): [Series, number] => {
      const alone = specs[r].series.length === 1;
      return [{ ...one, name: alone ? name : `${name} · ${one.name}` }, alone ? color : (color % HUES) + HUES * (at % DASHES.length)];
    }),
  );
  return { spec: { ...first, series: curves.map(([one]) => one), rows: null }, colors: curves.map(([, color]) => color) };
}
