/** What the roles of a server may do. Pure. */
import type { User } from "./wire";

/** After "you" or "may". */
export const MAY: Record<User["role"], string> = {
  reader: "see everything and change nothing",
  writer: "may log, change and delete runs",
  admin: "may log, change and delete runs, and manage keys and alerts",
};
