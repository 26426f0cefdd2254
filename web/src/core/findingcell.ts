/** The cell of the runs table that tells what a run shows by itself: the worst finding, and how many more. */
import { addressOf, shown, TONES, type InsightReport } from "./insight";
import type { RunRow } from "./wire";

/** Fills the cell; the evidence stands in its title, and the link leads to where it is to be seen. */
export function drawFindings(cell: HTMLElement, run: RunRow | null, report: InsightReport | null | undefined): void {
  const worst = report?.insights[0];
  cell.title = report?.insights.map((one) => shown(`${one.title}. ${one.text}`)).join("\n\n") ?? "";
  if (!run || !worst) return cell.replaceChildren(run && report === undefined ? "…" : "");
  const link = document.createElement("a");
  link.className = `chip small ${TONES[worst.severity].chip}`;
  link.href = addressOf(worst, run.entity, run.project, run.id);
  link.tabIndex = -1;
  const more = (report?.insights.length ?? 1) - 1;
  const text = document.createElement("span");
  text.className = "clip";
  text.textContent = shown(worst.title);
  link.append(`${TONES[worst.severity].sign} `, text);
  cell.replaceChildren(link, ...(more > 0 ? [` +${more}`] : []));
}
