/**
 * Words that somebody left before they were saved, kept by this tab until they are saved or given up.
 *
 * Promises: no failure of the storage reaches the editor; what is not a draft is no draft.
 */

export interface Draft {
  /** The revision of the report that it began with. */
  revision: number;
  title: string;
  text: string;
}

export const draftKey = (entity: string, project: string, report: string): string => `epochal:draft:${entity}/${project}/${report}`;

export function keepDraft(key: string, draft: Draft): void {
  try {
    sessionStorage.setItem(key, JSON.stringify(draft));
  } catch {
    // No storage, or none left: the save that follows is all there is.
  }
}

export function recallDraft(key: string): Draft | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(key) ?? "null") as Partial<Draft> | null;
    const { revision, title, text } = found ?? {};
    return typeof revision === "number" && typeof title === "string" && typeof text === "string" ? { revision, title, text } : null;
  } catch {
    return null;
  }
}

export function dropDraft(key: string): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Without storage nothing was kept.
  }
}
