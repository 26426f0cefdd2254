/** The first cell of the runs table: what is plotted, how the run ended, its name, its NaN; or a group and its size. Text goes in as text. */
import { formatCount } from "./format";
import { glyphOf } from "./glyph";
import { lookOf, swatchOf, type Theme } from "./palette";
import { runPath } from "./route";
import type { GroupRow, RunRow } from "./wire";
import { digits } from "./words";

export interface LeadLine {
  run?: RunRow;
  group?: GroupRow;
  /** What the group's innermost value is, and of which field: its last word where there are several levels. */
  label?: string;
  key?: string;
  field?: string;
  level: number;
  open?: boolean;
  /** Of groups the innermost are: charts draw no others. */
  plotted: boolean;
}

interface Said { run: RunRow; plotted: boolean; theme: Theme }

interface GroupParts { fold: HTMLElement; swatch: HTMLElement; label: HTMLElement; count: HTMLElement }

const INDENT = 14;

/** Builds the cell once; the returned function fills it for a line (null: not loaded yet). */
export function buildLead(cell: HTMLElement): (line: LeadLine | null, theme: Theme) => void {
  let parts: GroupParts | null = null;
  /** What the cell says of a run; a row that scrolls in says mostly the same. */
  let said: Said | null = null;
  const swatch = element("button", "swatch");
  swatch.dataset.act = "plot";
  swatch.append(document.createElement("i"));
  const glyph = element("span", "sign");
  const link = element("a", "clip grow") as HTMLAnchorElement;
  const nan = element("span", "nan");
  for (const part of [swatch, link]) part.tabIndex = -1;
  nan.textContent = "NaN";
  cell.append(swatch, glyph, link, nan);
  return (line, theme) => {
    const { run, group } = line ?? {};
    cell.classList.toggle("waiting", !run && !group);
    cell.style.paddingLeft = `${6 + (line?.level ?? 0) * INDENT}px`;
    // Most tables have no groups, and each element of a row counts.
    if (group) parts ??= buildGroup(cell, swatch);
    if (parts) parts.fold.hidden = parts.label.hidden = parts.count.hidden = !group;
    glyph.hidden = link.hidden = group !== undefined;
    swatch.hidden = !line?.plotted && !run;
    nan.hidden = !run || run.nan_key === null;
    if (group && parts) fillGroup(line as LeadLine, group, theme, parts);
    if (run) said = fillRun(line as LeadLine, run, theme, { swatch, glyph, link, nan }, said);
    else said = null;
    if (!run && !group) {
      link.textContent = "…";
      link.removeAttribute("href");
      glyph.textContent = "";
    }
  };
}

function buildGroup(cell: HTMLElement, swatch: HTMLElement): GroupParts {
  const fold = element("button", "fold");
  fold.dataset.act = "fold";
  fold.tabIndex = -1;
  const label = element("span", "clip grow");
  const count = element("span", "count");
  cell.prepend(fold);
  cell.append(label, count);
  return { fold, swatch, label, count };
}

function fillRun(line: LeadLine, run: RunRow, theme: Theme, parts: { swatch: HTMLElement; glyph: HTMLElement; link: HTMLAnchorElement; nan: HTMLElement }, before: Said | null): Said {
  const { swatch, glyph, link, nan } = parts;
  const { plotted } = line;
  const turned = before?.plotted !== plotted;
  if (turned || before?.run.color !== run.color || before.theme !== theme) paintSwatch(swatch, run.color, theme, plotted);
  if (turned) {
    swatch.removeAttribute("aria-disabled");
    swatch.setAttribute("aria-pressed", String(plotted));
    swatch.title = plotted ? "Plotted: click to hide (space)" : "Click to plot (space)";
  }
  if (before?.run.state !== run.state) {
    const { sign, tone, what } = glyphOf(run.state);
    glyph.textContent = sign;
    glyph.title = what;
    glyph.style.color = `var(--${tone})`;
  }
  if (turned || before?.run.name !== run.name) swatch.setAttribute("aria-label", `${plotted ? "Hide" : "Plot"} ${run.name}`);
  if (before?.run.name !== run.name) link.textContent = link.title = run.name;
  if (before?.run.id !== run.id) link.href = runPath(run.entity, run.project, run.id);
  if (run.nan_key !== null) nan.title = `${run.nan_key} is NaN from step ${digits(run.nan_step ?? 0)}`;
  return { run, plotted, theme };
}

function fillGroup(line: LeadLine, group: GroupRow, theme: Theme, parts: GroupParts): void {
  const { fold, swatch, label, count } = parts;
  paintSwatch(swatch, group.color, theme, true);
  swatch.setAttribute("aria-label", `Color of the group ${line.label}`);
  swatch.setAttribute("aria-disabled", "true");
  swatch.removeAttribute("aria-pressed");
  swatch.title = "The color of this group";
  fold.textContent = line.open ? "▾" : "▸";
  fold.setAttribute("aria-expanded", String(line.open));
  fold.setAttribute("aria-label", `${line.open ? "Close" : "Open"} the group ${line.label}`);
  label.textContent = (line.label ?? "") + (line.key ? ` · ${line.key}` : "");
  label.title = `${line.field}: ${line.label}`;
  count.textContent = formatCount(group.runs);
  count.title = group.runs === 1 ? "1 run" : `${group.runs} runs`;
}

function paintSwatch(swatch: HTMLElement, color: number, theme: Theme, on: boolean): void {
  const look = lookOf(color, theme);
  swatch.style.setProperty("--run", look.color);
  swatch.style.setProperty("--fill", swatchOf(look));
  swatch.classList.toggle("off", !on);
}

function element(tag: string, name: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}
