/** Rules of alerts as `/api/v1/alerts` tells them, and new ones from what a person typed. */

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
  title: string;
  text: string;
  target: string;
  state: "waiting" | "sent" | "failed";
  attempts: number;
  created_us: number;
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
