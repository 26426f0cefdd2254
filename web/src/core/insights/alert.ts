/** Rules of alerts as `/api/v1/alerts` tells them, and new ones from what a person typed. */
import { formatDuration } from "../format";

export const WHEN = {
  failed: "A run fails or crashes",
  stalled: "A run logs no point for some minutes",
  nan: "A series becomes NaN",
  threshold: "A series crosses a bound",
  alert: "A script calls run.alert()",
} as const;
export type When = keyof typeof WHEN;

export interface RuleRow {
  id: string;
  when: When;
  says: string;
  target: string;
  created_us: number;
}

export interface DeliveryRow {
  id: number;
  /** The run's name and id; empty for a trial. */
  run: string;
  run_id: string;
  title: string;
  text: string;
  target: string;
  state: "waiting" | "sent" | "failed";
  attempts: number;
  created_us: number;
  /** When it is told next; null when that is over. */
  next_us: number | null;
  error: string;
}

export interface Draft {
  when: When;
  target: string;
  key: string;
  bound: "above" | "below";
  value: string;
  minutes: string;
}

export const EMPTY: Draft = { when: "failed", target: "", key: "", bound: "above", value: "", minutes: "10" };

/** How far telling it got, in words: nothing where it arrived. */
export function progressOf(row: DeliveryRow, nowUs: number): string {
  if (row.state === "sent") return "";
  const times = row.attempts === 1 ? "tried once" : row.attempts > 0 ? `tried ${row.attempts} times` : "";
  if (row.next_us === null) return `${times || "never tried"}, given up`;
  const left = row.next_us - nowUs;
  const when = left < 1_000_000 ? "is told now" : `again in ${formatDuration(left)}`;
  return times ? `${times}, ${when}` : when;
}

/** The body of a new rule: an address with a scheme is a webhook, anything else who gets a mail. */
export function bodyOf(draft: Draft): { [name: string]: string | number } {
  const target = draft.target.trim();
  const body: { [name: string]: string | number } = { when: draft.when, [/^[a-z]+:\/\//i.test(target) ? "webhook" : "email"]: target };
  if (draft.when === "stalled") body.minutes = Number(draft.minutes);
  if (draft.when === "threshold") {
    body.key = draft.key;
    body[draft.bound] = Number(draft.value);
  }
  return body;
}
