/**
 * Which panels a page shows and in which order, from the keys of a project alone: pinned first, then sections by the
 * part before the first `/`, those about loss and accuracy ahead, `system` last and collapsed. Same keys, same order.
 */
import { factColumn, metricColumn } from "./columnid";

export interface Section {
  name: string;
  keys: string[];
  collapsed: boolean;
}

export const SYSTEM = "system";
const SYSTEM_PREFIX = `${SYSTEM}/`;
const TOP = "";

export function isSystem(key: string): boolean {
  return key.startsWith(SYSTEM_PREFIX);
}

/** The part of a key before its first `/`; empty when there is none. */
export function prefixOf(key: string): string {
  const at = key.indexOf("/");
  return at > 0 ? key.slice(0, at) : TOP;
}

/** How early a key should stand: 0 loss, 1 validation, 2 accuracy-like, 3 the rest. */
export function keyRank(key: string): number {
  const k = key.toLowerCase();
  const validation = /(^|[^a-z])(val|valid|validation|eval|test)([^a-z]|$)/.test(k);
  if (/loss|nll|perplexity|(^|[^a-z])ppl/.test(k)) return validation ? 1 : 0;
  if (/acc|f1|auc|bleu|iou|score|reward|map(_|$|\b)|precision|recall|top[-_ ]?[15]/.test(k)) return 2;
  return validation ? 3 : 4;
}

/** The section names that stand first even without such keys. */
const EARLY = ["train", "val", "valid", "validation", "eval", "test"];

/**
 * Sorts keys into sections.
 *
 * @param keys all series keys
 * @param pinned keys the user has pinned, in their order
 * @param filter keeps keys that contain it, or that match it as a regular expression
 */
export function sectionsOf(keys: readonly string[], pinned: readonly string[] = [], filter = ""): Section[] {
  const shown = keys.filter(matcher(filter));
  const groups = new Map<string, string[]>();
  for (const key of shown) {
    const name = prefixOf(key);
    groups.set(name, [...(groups.get(name) ?? []), key]);
  }
  const sections = [...groups].map(([name, members]) => ({
    name: name || "metrics",
    keys: members.sort(byRank),
    collapsed: name === SYSTEM && filter === "",
  }));
  sections.sort((a, b) => sectionRank(a) - sectionRank(b) || compareText(a.name, b.name));
  const known = new Set(shown);
  const top = pinned.filter((key) => known.has(key));
  return top.length > 0 ? [{ name: "pinned", keys: top, collapsed: false }, ...sections] : sections;
}

function sectionRank(section: Section): number {
  if (section.name === SYSTEM) return 1000;
  const early = EARLY.indexOf(section.name.toLowerCase());
  if (early >= 0) return early;
  return 10 + Math.min(...section.keys.map(keyRank));
}

const byRank = (a: string, b: string): number => keyRank(a) - keyRank(b) || compareText(a, b);

/** Natural order: layer2 before layer10. */
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
export const compareText = (a: string, b: string): number => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

/** Keeps what contains the text; a text with regular-expression signs is read as one, if it is one. */
export function matcher(filter: string): (key: string) => boolean {
  const text = filter.trim().toLowerCase();
  if (text === "") return () => true;
  if (/[\\^$*+?()[\]{}|]/.test(text)) {
    try {
      const pattern = new RegExp(text.replace(/(^|[^.\])])\*/g, "$1.*"), "i");
      return (key) => pattern.test(key);
    } catch {
      // Half-typed expressions are plain text.
    }
  }
  return (key) => key.toLowerCase().includes(text);
}

/** A few columns that tell runs of this project apart: loss- and accuracy-like series, then config that most runs have. */
export function defaultColumns(keys: { metrics: { key: string; runs: number }[]; config: { key: string; runs: number }[] }): string[] {
  const metrics = keys.metrics
    .filter((m) => !isSystem(m.key) && keyRank(m.key) < 3)
    .sort((a, b) => preference(a.key) - preference(b.key) || b.runs - a.runs || compareText(a.key, b.key))
    .slice(0, 3)
    .map((m) => metricColumn("last", m.key));
  const most = Math.max(0, ...keys.config.map((c) => c.runs));
  const config = keys.config
    .filter((c) => c.runs >= most / 2)
    .sort((a, b) => configRank(a.key) - configRank(b.key) || b.runs - a.runs || compareText(a.key, b.key))
    .slice(0, 4)
    .map((c) => factColumn("config", c.key));
  return [...metrics, ...config];
}

function preference(key: string): number {
  const rank = keyRank(key);
  const validation = EARLY.indexOf(prefixOf(key)) > 0;
  if (rank === 1) return 0;
  if (rank === 2) return validation ? 1 : 3;
  return 2;
}

function configRank(key: string): number {
  const k = key.toLowerCase().split(/[./]/).pop() ?? "";
  const known = ["lr", "learning_rate", "model", "arch", "optimizer", "batch_size", "epochs", "seed"].indexOf(k);
  return known < 0 ? 99 : known;
}
