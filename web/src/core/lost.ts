/** What a page says of runs that its address names and that it cannot show. Pure. */
import { formatCount } from "./format";
import type { RunRow } from "./wire";

const MOST_NAMED = 5;

/** A sentence about each kind; null when every run is there. */
export function lostText({ gone, archived }: { gone: readonly string[]; archived: readonly RunRow[] }): string | null {
  const said = [
    gone.length > 0 ? `${runsOf(gone)} not there any more.` : "",
    archived.length > 0 ? `${runsOf(archived.map((run) => run.name))} archived; the filter archived == true finds ${archived.length === 1 ? "it" : "them"}.` : "",
  ];
  return said.filter(Boolean).join(" ") || null;
}

function runsOf(names: readonly string[]): string {
  const named = names.slice(0, MOST_NAMED).join(", ");
  if (names.length === 1) return `The run ${named} is`;
  const more = names.length - MOST_NAMED;
  return `${formatCount(names.length)} runs of this address (${named}${more > 0 ? ` and ${formatCount(more)} more` : ""}) are`;
}
