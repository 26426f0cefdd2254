/** The columns of the runs table in another order; those before `pin` stay beside the name. Places count from 1, as the name stands at 0. Pure. */
import { AGGREGATES, metricColumn, parseColumn } from "./columnid";

export interface Placed { columns: string[]; pin: number }

/** A column taken from one place to another: dropped among the pinned ones it is pinned, taken from them it is not. Null where there is no such place. */
export function moved(columns: readonly string[], pin: number, from: number, to: number): Placed | null {
  if (Math.min(from, to) < 1 || Math.max(from, to) > columns.length) return null;
  const next = [...columns];
  next.splice(to - 1, 0, ...next.splice(from - 1, 1));
  return { columns: next, pin: pin + Number(from > pin && to <= pin) - Number(from <= pin && to > pin) };
}

/** A column pinned as the last of the pinned ones, or let go as the first of the others. */
export function pinTurned(columns: readonly string[], pin: number, column: number): Placed {
  const next = [...columns];
  const [id] = next.splice(column - 1, 1);
  const pinned = column <= pin;
  next.splice(pinned ? pin - 1 : pin, 0, id);
  return { columns: next, pin: pin + (pinned ? -1 : 1) };
}

/** One more column of the same series after a column: of the first value that is not shown yet. */
export function besides(columns: readonly string[], pin: number, column: number): Placed | null {
  const { key } = parseColumn(columns[column - 1]);
  const free = AGGREGATES.map((name) => metricColumn(name, key)).find((id) => !columns.includes(id));
  return free === undefined ? null : { columns: columns.toSpliced(column, 0, free), pin: pin + Number(column <= pin) };
}
