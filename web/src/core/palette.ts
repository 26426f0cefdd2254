/**
 * Run colours. A run's look depends only on its stored color number (order of first sight in the project), never on
 * filters or sorting: 8 colours (ui.md 5.5, chosen for color-blind distance), then 4 dash patterns, 32 looks in all.
 */

export type Theme = "light" | "dark";

export const RUN_COLORS: Record<Theme, readonly string[]> = {
  light: ["#7D131A", "#9A9709", "#3D4B67", "#6597CF", "#CC7C86", "#6F6D1C", "#7C18A8", "#5B60EF"],
  dark: ["#E29893", "#F2EE43", "#4779EB", "#6EADF2", "#D14260", "#ABA70E", "#9270A7", "#C5CCEF"],
};

/** Dash patterns in CSS pixels; the first is a solid line. */
export const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 2, 2, 2]];

export interface Look {
  color: string;
  dash: readonly number[];
}

/** The look as a background, for the small squares that stand for a run. */
export function swatchOf({ color, dash }: Look): string {
  if (dash.length === 0) return color;
  const stops: string[] = [];
  let at = 0;
  for (const [i, length] of dash.entries()) {
    const end = at + Math.max(1.5, length * 0.75);
    // Not as they are: the engine keeps a table of fractions that it has written, which grows to 48 kB with the second one.
    stops.push(`${i % 2 === 0 ? color : "transparent"} ${at.toFixed(2)}px ${end.toFixed(2)}px`);
    at = end;
  }
  return `repeating-linear-gradient(90deg, ${stops.join(", ")})`;
}

const looks: Record<Theme, Look[]> = { light: [], dark: [] };

/** How the run with this color number is drawn. Numbers wrap around after 32. */
export function lookOf(color: number, theme: Theme): Look {
  const colors = RUN_COLORS[theme];
  const n = Math.max(0, Math.floor(color)) % (colors.length * DASHES.length);
  return (looks[theme][n] ??= { color: colors[n % colors.length], dash: DASHES[Math.floor(n / colors.length)] });
}
