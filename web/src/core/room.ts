/** How many panels a page begins with, and the room that the others will take. */
import { TRACKS, type Place } from "./pack";

/** Between panels, in CSS pixels. */
export const GAP = 8;
/** Of a panel, as `Frame` has it, and of the heading of a section, as `Panels` has it. */
const HEIGHT = 214;
const HEADING = 34;
const FIRST_PANELS = 60;
/** Of many sections each shows fewer at first: a page of thousands of panels is slow before any of them is seen. */
const FIRST_OF_ALL = 600;
const LEAST_FIRST = 6;

/** How many panels a section shows before anybody asks for more. */
export const firstOf = (sections: number): number => Math.max(LEAST_FIRST, Math.min(FIRST_PANELS, Math.floor(FIRST_OF_ALL / sections)));

/** What so many panels in so many columns take, in CSS pixels. */
export const heightOf = (panels: number, columns: number): number => Math.ceil(panels / columns) * (HEIGHT + GAP) - GAP;

/** How many panels of each section lie on a screen of this height, at most, when `sizes` of them are open. */
export function onFirstScreen(sizes: readonly number[], places: readonly Place[], height: number): number[] {
  let [top, used, tallest] = [0, 0, 0];
  return sizes.map((size, at) => {
    const { span, columns } = places[at];
    if (used + span > TRACKS) [top, used, tallest] = [top + tallest, 0, 0];
    used += span;
    tallest = Math.max(tallest, HEADING + (size > 0 ? heightOf(size, columns) : 0));
    return Math.min(size, columns * Math.max(0, Math.ceil((height - top - HEADING) / (HEIGHT + GAP))));
  });
}
