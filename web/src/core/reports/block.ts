/**
 * The block of a panel in a report's Markdown, as `epochal/reports/panel.py` has it. Pure.
 *
 * Promises: reading forgives what it does not know (the server says what is wrong with it); changing one line of a block
 * leaves the others, and the rest of the text, as they are.
 */
import { readMarkdown } from "../objects/markdown";
import { parseSpec, type PanelSpec } from "../panelspec";
import type { XAxis } from "../wire";

export const INFO = "panel";

export interface PanelBlock {
  spec: PanelSpec | null;
  title: string;
  x: XAxis;
  range: [number, number] | null;
  smooth: number;
  logX: boolean;
  logY: boolean;
  frozen: string;
}

/** The lines of a block, by name. */
export function readLines(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\s*([a-z]+)\s*:([\s\S]*)$/.exec(line);
    if (match) found.set(match[1], match[2].trim());
  }
  return found;
}

export function readBlock(text: string): PanelBlock {
  const lines = readLines(text);
  const range = (lines.get("range") ?? "").split(",").map(Number);
  const log = lines.get("log") ?? "";
  return {
    spec: parseSpec(lines.get("panel") ?? ""),
    title: lines.get("title") ?? "",
    x: readX(lines.get("x") ?? ""),
    range: range.length === 2 && range.every(Number.isFinite) && range[0] < range[1] ? [range[0], range[1]] : null,
    smooth: Number(/^ema:(0?\.\d+)$/.exec(lines.get("smooth") ?? "")?.[1] ?? 0),
    logX: log.includes("x"),
    logY: log.includes("y"),
    frozen: lines.get("frozen") ?? "",
  };
}

function readX(text: string): XAxis {
  if (text === "time") return "wall";
  if (text === "rel") return "relative";
  return text.startsWith("m:") && text.length > 2 ? { metric: text.slice(2) } : "step";
}

/** A block with one line set, or taken away where the value is empty. */
export function withLine(text: string, name: string, value: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !new RegExp(`^\\s*${name}\\s*:`).test(line));
  return (value === "" ? lines : [...lines, `${name}: ${value}`]).join("\n");
}

export const fenced = (lines: string): string => `\`\`\`${INFO}\n${lines}\n\`\`\``;

/**
 * The text with other lines in its n-th panel.
 *
 * @param was the lines of that panel as they were read
 * @throws Error where that panel has other lines by now, or is another one
 */
export function replacePanel(text: string, ordinal: number, was: string, lines: string): string {
  const blocks = readMarkdown(text).filter((b) => b.kind === "code" && b.info === INFO);
  const block = blocks[ordinal];
  if (block?.kind !== "code" || block.text !== was) throw new Error("The panel was changed or moved meanwhile, so nothing was done to it. Try again.");
  const all = text.split(/\r\n|\n|\r/);
  return [...all.slice(0, block.lines[0]), ...(lines === "" ? [] : fenced(lines).split("\n")), ...all.slice(block.lines[1])].join("\n");
}

/** The text with a paragraph of its own at a place, and where it ends then. */
export function insertAt(text: string, at: number, part: string): { text: string; end: number } {
  const before = text.slice(0, at).replace(/\n*$/, (gap) => (at === 0 || text.slice(0, at).trim() === "" ? "" : gap.length > 1 ? gap : "\n\n"));
  const after = text.slice(at).replace(/^\n*/, "");
  const joined = `${before}${part}\n\n`;
  return { text: joined + after, end: joined.length };
}
