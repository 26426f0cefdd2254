/** API keys as their routes tell of them (docs/internals/wire.md). */
import { api } from "../api";
import type { User } from "../wire";

export type Role = User["role"];
export const ROLES: readonly Role[] = ["reader", "writer", "admin"];

export interface KeyRow {
  /** The eight characters that name it. */
  prefix: string;
  name: string;
  role: Role;
  created_us: number;
  used_us: number | null;
  revoked: boolean;
  expires_us: number | null;
}

export interface MadeKey {
  name: string;
  role: Role;
  /** Told this once. */
  key: string;
}

const ROUTE = "/api/v1/keys";
const DAY_US = 86_400e6;

/** After how many days a key may end by itself; 0 is never. */
export const LIVES: readonly (readonly [number, string])[] = [[0, "when it is revoked"], [1, "after a day"], [7, "after 7 days"], [30, "after 30 days"], [90, "after 90 days"], [365, "after a year"]];

export const listKeys = async (): Promise<KeyRow[]> => (await api.ask<{ keys: KeyRow[] }>("GET", ROUTE)).keys;

export function makeKey(name: string, role: Role, days: number): Promise<MadeKey> {
  return api.ask("POST", ROUTE, { name, role, expires_us: days > 0 ? Date.now() * 1000 + days * DAY_US : null });
}

export const revokeKey = (prefix: string): Promise<void> => api.ask("DELETE", `${ROUTE}/${encodeURIComponent(prefix)}`);

/** Whether it lets nobody in any more. */
export const isEnded = (key: KeyRow, now_us: number): boolean => key.revoked || hasExpired(key, now_us);
export const hasExpired = (key: KeyRow, now_us: number): boolean => key.expires_us !== null && key.expires_us <= now_us;
