/**
 * Reads SGR colour sequences of a console line into spans. Other escape sequences are dropped; text is never lost and
 * never becomes markup. 16, 256 and 24-bit colours, bold, faint, italic, underline, inverse.
 */

export interface Span {
  text: string;
  /** Palette number 0..15, or `rgb(r,g,b)`; undefined is the default. */
  fg?: number | string;
  bg?: number | string;
  bold?: boolean;
  faint?: boolean;
  italic?: boolean;
  underline?: boolean;
  inverse?: boolean;
  /** Part of what is searched. */
  found?: boolean;
}

type Style = Omit<Span, "text">;

// CSI (any final byte), OSC up to BEL or ST, and two-character escapes.
const ESCAPE = /\x1b(?:\[([0-9;:?<=>]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;

/** Splits a line at its escape sequences. */
export function parseAnsi(line: string): Span[] {
  if (!line.includes("\x1b")) return line === "" ? [] : [{ text: line }];
  const spans: Span[] = [];
  let style: Style = {};
  let at = 0;
  for (const match of line.matchAll(ESCAPE)) {
    push(spans, line.slice(at, match.index), style);
    at = match.index + match[0].length;
    if (match[2] === "m") style = applySgr(style, match[1]);
  }
  push(spans, line.slice(at), style);
  return spans;
}

/** The line without any escape sequence. */
export function stripAnsi(line: string): string {
  return line.replace(ESCAPE, "");
}

function push(spans: Span[], text: string, style: Style): void {
  if (text !== "") spans.push({ text, ...style });
}

function applySgr(before: Style, parameters: string): Style {
  const codes = parameters === "" ? [0] : parameters.split(/[;:]/).map(Number);
  let style: Style = { ...before };
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) style = {};
    else if (code === 38 || code === 48) {
      const [color, used] = extended(codes, i + 1);
      if (color !== undefined) style = { ...style, [code === 38 ? "fg" : "bg"]: color };
      i += used;
    } else applySimple(style, code);
  }
  return style;
}

function applySimple(style: Style, code: number): void {
  if (code === 1) style.bold = true;
  else if (code === 2) style.faint = true;
  else if (code === 3) style.italic = true;
  else if (code === 4) style.underline = true;
  else if (code === 7) style.inverse = true;
  else if (code === 22) delete style.bold, delete style.faint;
  else if (code === 23) delete style.italic;
  else if (code === 24) delete style.underline;
  else if (code === 27) delete style.inverse;
  else if (code === 39) delete style.fg;
  else if (code === 49) delete style.bg;
  else if (code >= 30 && code <= 37) style.fg = code - 30;
  else if (code >= 40 && code <= 47) style.bg = code - 40;
  else if (code >= 90 && code <= 97) style.fg = code - 82;
  else if (code >= 100 && code <= 107) style.bg = code - 92;
}

function extended(codes: number[], at: number): [number | string | undefined, number] {
  if (codes[at] === 5) return [indexed(codes[at + 1]), 2];
  if (codes[at] === 2) {
    const rgb = codes.slice(at + 1, at + 4);
    const sane = rgb.length === 3 && rgb.every((c) => c >= 0 && c <= 255);
    return [sane ? `rgb(${rgb.join(",")})` : undefined, 4];
  }
  return [undefined, 0];
}

/** The xterm 256-color table: 16 named, a 6x6x6 cube, 24 grays. */
function indexed(n: number | undefined): number | string | undefined {
  if (n === undefined || !(n >= 0 && n <= 255)) return undefined;
  if (n < 16) return n;
  if (n >= 232) {
    const gray = 8 + (n - 232) * 10;
    return `rgb(${gray},${gray},${gray})`;
  }
  const level = (v: number): number => (v === 0 ? 0 : 55 + v * 40);
  const cube = n - 16;
  return `rgb(${level(Math.floor(cube / 36))},${level(Math.floor(cube / 6) % 6)},${level(cube % 6)})`;
}

/** Cuts spans at every place where their joined text holds `needle`, whatever the case. */
export function markFound(spans: readonly Span[], needle: string): Span[] {
  if (needle === "") return [...spans];
  const text = spans.map((s) => s.text).join("").toLowerCase();
  const wanted = needle.toLowerCase();
  const marks: [number, number][] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) marks.push([at, at + wanted.length]);
  if (marks.length === 0) return [...spans];
  const cut: Span[] = [];
  let start = 0;
  for (const span of spans) {
    const end = start + span.text.length;
    let at = start;
    for (const [lo, hi] of marks) {
      if (hi <= at || lo >= end) continue;
      const from = Math.max(lo, at);
      const to = Math.min(hi, end);
      if (from > at) cut.push({ ...span, text: span.text.slice(at - start, from - start) });
      cut.push({ ...span, text: span.text.slice(from - start, to - start), found: true });
      at = to;
    }
    if (at < end) cut.push({ ...span, text: span.text.slice(at - start) });
    start = end;
  }
  return cut;
}
