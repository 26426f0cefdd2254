/** What a failed login means for the form: what to say, and how long the server wants no further attempt. */
import { ApiError } from "./api";

export interface Refusal {
  text: string;
  /** Seconds to wait before the next attempt; 0 when there is no need. */
  wait: number;
  /** Whether the key is what was wrong. */
  key: boolean;
}

const DEFAULT_WAIT = 60;

export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof ApiError)) return { text: String(error), wait: 0, key: false };
  const text = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  return { text, wait: error.status === 429 ? (error.retryAfter ?? DEFAULT_WAIT) : 0, key: error.code === "unauthenticated" };
}
