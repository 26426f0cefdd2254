/**
 * A small part of Markdown as a tree of values; the view turns them into elements, so that no markup of a file ever becomes
 * markup of the page. HTML stays text, images become their captions, links lead outside only by http(s). Pure.
 * `epochal/reports/markdown.py` is the same for exported reports; tests/reports/markdown.json holds both to it.
 */

export type Span =
  | { kind: "text" | "code" | "strong" | "em"; text: string }
  | { kind: "link"; text: string; href: string };

export type Align = "" | "left" | "center" | "right";

export type Block =
  | { kind: "heading"; level: number; spans: Span[] }
  | { kind: "paragraph" | "quote"; spans: Span[] }
  /** `info` is what stands behind the fence, `lines` where the block begins and ends in the text. */
  | { kind: "code"; info: string; text: string; lines: [number, number] }
  | { kind: "list"; ordered: boolean; items: { depth: number; spans: Span[] }[] }
  /** `align` is what the line below the head says of each column, empty where it says nothing. */
  | { kind: "table"; rows: Span[][][]; align: Align[] }
  | { kind: "rule" };

const ITEM = /^(\s*)(?:[-*+]|(\d+)[.)])\s+(.*)$/;
// No repetition may give characters back to the next: the time of a long line would grow with its square.
const FENCE = /^\s*(```+(?!`)|~~~+(?!~))([^`]*)$/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const RULE = /^\s*([-*_])(?:\s*\1){2,}\s*$/;

export function readMarkdown(text: string): Block[] {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  const blocks: Block[] = [];
  let i = 0;
  while (i < lines.length) {
    const line = lines[i];
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    if (line.trim() === "") i++;
    else if (fence) {
      let stop = i + 1;
      while (stop < lines.length && !lines[stop].trim().startsWith(fence[1])) stop++;
      blocks.push({ kind: "code", info: fence[2].trim(), text: lines.slice(i + 1, stop).join("\n"), lines: [i, Math.min(stop + 1, lines.length)] });
      i = stop + 1;
    } else if (heading) {
      blocks.push({ kind: "heading", level: heading[1].length, spans: readSpans(heading[2].trimEnd().replace(/(?<!#)#+$/, "").trimEnd()) });
      i++;
    } else if (RULE.test(line)) {
      blocks.push({ kind: "rule" });
      i++;
    } else if (ITEM.test(line)) i = list(i);
    else if (/^\s*\|.*\|\s*$/.test(line)) i = table(i);
    else i = paragraph(i);
  }
  return blocks;

  function list(at: number): number {
    const items: { depth: number; spans: Span[] }[] = [];
    const ordered = ITEM.exec(lines[at])?.[2] !== undefined;
    for (; at < lines.length; at++) {
      const item = ITEM.exec(lines[at]);
      if (!item) break;
      let body = item[3];
      while (at + 1 < lines.length && /^\s{2,}\S/.test(lines[at + 1]) && !ITEM.test(lines[at + 1])) body += ` ${lines[++at].trim()}`;
      items.push({ depth: Math.min(6, Math.floor(item[1].length / 2)), spans: readSpans(body) });
    }
    blocks.push({ kind: "list", ordered, items });
    return at;
  }

  function table(at: number): number {
    const rows: Span[][][] = [];
    let align: Align[] = [];
    for (; at < lines.length && /^\s*\|.*\|\s*$/.test(lines[at]); at++) {
      const cells = lines[at].trim().slice(1, -1).split("|");
      if (!cells.every((c) => /^\s*:?-+:?\s*$/.test(c))) rows.push(cells.map((c) => readSpans(c.trim())));
      else if (rows.length === 1) align = cells.map(alignOf);
    }
    blocks.push({ kind: "table", rows, align: align.some(Boolean) ? align : [] });
    return at;
  }

  function paragraph(at: number): number {
    const quote = lines[at].startsWith(">");
    const words: string[] = [];
    for (; at < lines.length && lines[at].trim() !== ""; at++) {
      if (words.length > 0 && (FENCE.test(lines[at]) || HEADING.test(lines[at]) || ITEM.test(lines[at]) || lines[at].startsWith(">") !== quote)) break;
      words.push(quote ? lines[at].replace(/^>\s?/, "") : lines[at].trim());
    }
    blocks.push({ kind: quote ? "quote" : "paragraph", spans: readSpans(words.join(" ")) });
    return at;
  }
}

/** What `:--`, `:-:` and `--:` say. */
function alignOf(dashes: string): Align {
  const [left, right] = [dashes.trim().startsWith(":"), dashes.trim().endsWith(":")];
  return left && right ? "center" : right ? "right" : left ? "left" : "";
}

const SPAN = /`([^`]+)`|\*\*([^*]+)\*\*|(?<!\w)__([^_]+)__(?!\w)|\*([^*\s][^*]*)\*|!?\[([^[\]]*)\]\(([^)\s[]*)(?:\s+"[^"]*")?\)/g;

export function readSpans(text: string): Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(SPAN)) {
    if (match.index > end) spans.push({ kind: "text", text: text.slice(end, match.index) });
    const [whole, code, strong, strong2, em, caption, href] = match;
    if (code !== undefined) spans.push({ kind: "code", text: code });
    else if (strong !== undefined || strong2 !== undefined) spans.push({ kind: "strong", text: strong ?? strong2 });
    else if (em !== undefined) spans.push({ kind: "em", text: em });
    else if (whole.startsWith("!") || !isOutside(href)) spans.push({ kind: "text", text: caption || href });
    else spans.push({ kind: "link", text: caption || href, href });
    end = match.index + whole.length;
  }
  if (end < text.length) spans.push({ kind: "text", text: text.slice(end) });
  return spans;
}

function isOutside(href: string): boolean {
  try {
    return /^https?:$/.test(new URL(href).protocol) && /^https?:\/\//i.test(href);
  } catch {
    return false; // relative: it leads nowhere in this page
  }
}
