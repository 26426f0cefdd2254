/** How somebody has arranged a project's table, remembered by this browser: columns, which are pinned, their widths. */

export interface Layout {
  cols: string[] | null;
  pin: number;
  w: Readonly<Record<string, number>>;
}

/** The project's own choice. */
export const plainLayout: Layout = { cols: null, pin: 0, w: {} };

const keyOf = (entity: string, project: string): string => `epochal:table:${entity}/${project}`;

export function recallLayout(entity: string, project: string): Layout | null {
  try {
    const found = JSON.parse(localStorage.getItem(keyOf(entity, project)) ?? "null") as Partial<Layout> | null;
    if (!found || typeof found !== "object") return null;
    const cols = Array.isArray(found.cols) && found.cols.every((c) => typeof c === "string") ? found.cols : null;
    const w = Object.fromEntries(Object.entries(found.w ?? {}).filter(([, width]) => Number.isInteger(width)));
    return { cols, pin: cols && Number.isInteger(found.pin) ? Math.max(0, Math.min(cols.length, found.pin as number)) : 0, w };
  } catch {
    // No storage, or not what we wrote: the project's own choice of columns stands.
    return null;
  }
}

export function rememberLayout(entity: string, project: string, layout: Layout): void {
  try {
    const plain = layout.cols === null && Object.keys(layout.w).length === 0;
    if (plain) localStorage.removeItem(keyOf(entity, project));
    else localStorage.setItem(keyOf(entity, project), JSON.stringify({ cols: layout.cols, pin: layout.pin, w: layout.w }));
  } catch {
    // Without storage the address still says it.
  }
}
