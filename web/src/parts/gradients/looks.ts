/** How states of health look: a sign, a word and a tone; never by color alone. */
import type { Health } from "../../core/gradients/health";

export interface HealthLook {
  sign: string;
  word: string;
  tone: "fail" | "warn" | "muted";
  what: string;
}

export const HEALTH_LOOKS: Record<Health, HealthLook> = {
  ok: { sign: "✓", word: "ok", tone: "muted", what: "nothing is wrong" },
  vanishing: { sign: "↓", word: "vanishing", tone: "warn", what: "so small that the layer hardly learns" },
  dead: { sign: "○", word: "dead", tone: "warn", what: "all zeros, three records in a row or more" },
  exploding: { sign: "↑", word: "exploding", tone: "fail", what: "a hundred times its usual norm, or too large for half precision" },
  inf: { sign: "∞", word: "infinite", tone: "fail", what: "infinite values among the gradients" },
  nan: { sign: "✗", word: "NaN", tone: "fail", what: "NaN among the gradients" },
};
