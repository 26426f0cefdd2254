/**
 * Which panels have a logarithmic axis: a page default, exceptions of sections, exceptions of panels. Pure.
 *
 * A setting lists `*` (all), `section/*` and panels; a `!` before one means "not". The narrower word wins.
 */
import { prefixOf } from "./sections";

export type LogSetting = "all" | string[];

const listOf = (setting: LogSetting): string[] => (setting === "all" ? ["*"] : setting);
const wordOf = (section: string): string => `${section}/*`;
/** The section that a panel's key belongs to. */
export const sectionOf = (panel: string): string => prefixOf(panel) || "metrics";

function said(list: readonly string[], word: string): boolean | null {
  return list.includes(`!${word}`) ? false : list.includes(word) ? true : null;
}

/** Whether a panel's axis is logarithmic. */
export function isLog(setting: LogSetting, panel: string): boolean {
  const list = listOf(setting);
  return said(list, panel) ?? said(list, wordOf(sectionOf(panel))) ?? list.includes("*");
}

/** Whether a section's panels are logarithmic unless they say otherwise. */
export function isSectionLog(setting: LogSetting, section: string): boolean {
  const list = listOf(setting);
  return said(list, wordOf(section)) ?? list.includes("*");
}

/** The setting with one panel switched. */
export function switchPanel(setting: LogSetting, panel: string): LogSetting {
  return put(setting, panel, !isLog(setting, panel), (rest) => isLog(rest, panel));
}

/** The setting with a section switched; what its panels said for themselves is forgotten. */
export function switchSection(setting: LogSetting, section: string): LogSetting {
  const kept = listOf(setting).filter((w) => w.endsWith("*") || sectionOf(w.replace(/^!/, "")) !== section);
  return put(kept, wordOf(section), !isSectionLog(setting, section), (rest) => isSectionLog(rest, section));
}

function put(setting: LogSetting, word: string, on: boolean, by: (rest: string[]) => boolean): LogSetting {
  const rest = listOf(setting).filter((w) => w !== word && w !== `!${word}`);
  const next = by(rest) === on ? rest : [...rest, on ? word : `!${word}`];
  return next.length === 1 && next[0] === "*" ? "all" : next;
}
