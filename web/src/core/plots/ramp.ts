/** Sequential colors of one direction: the more, the farther from the ground, in both themes. Pure. */
import type { Theme } from "../palette";

export type Rgb = readonly [number, number, number];

const RAMPS: Record<Theme, readonly Rgb[]> = {
  light: [[240, 246, 245], [187, 222, 219], [121, 190, 197], [58, 147, 178], [37, 98, 151], [39, 51, 108], [26, 20, 52]],
  dark: [[26, 34, 46], [33, 56, 92], [38, 88, 134], [48, 128, 160], [87, 168, 170], [157, 207, 183], [236, 246, 214]],
};

/** The color of a part, 0 to 1. */
export function heatRamp(part: number, theme: Theme): [number, number, number] {
  const ramp = RAMPS[theme];
  const at = Math.max(0, Math.min(1, part)) * (ramp.length - 1);
  const low = Math.min(ramp.length - 2, Math.floor(at));
  const mix = (k: 0 | 1 | 2): number => Math.round(ramp[low][k] + (ramp[low + 1][k] - ramp[low][k]) * (at - low));
  return [mix(0), mix(1), mix(2)];
}

/** The ramp as a background, from little to much. */
export function rampText(theme: Theme): string {
  return `linear-gradient(90deg, ${RAMPS[theme].map(([r, g, b]) => `rgb(${r} ${g} ${b})`).join(", ")})`;
}
