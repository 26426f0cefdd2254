/** A run's status as a sign, a word and a color token; never by color alone. */
import type { RunStatus } from "./wire";

export interface Glyph {
  sign: string;
  tone: "ok" | "warn" | "fail" | "accent" | "muted";
  what: string;
}

export const GLYPHS: Record<RunStatus, Glyph> = {
  running: { sign: "▶", tone: "accent", what: "running" },
  finished: { sign: "✓", tone: "ok", what: "finished" },
  failed: { sign: "✗", tone: "fail", what: "failed" },
  crashed: { sign: "!", tone: "warn", what: "crashed: its process ended without saying so" },
  killed: { sign: "■", tone: "muted", what: "killed" },
};

export function glyphOf(status: RunStatus): Glyph {
  return GLYPHS[status] ?? { sign: "?", tone: "muted", what: status };
}
