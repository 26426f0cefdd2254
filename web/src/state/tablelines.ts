/** What stands in the rows of the runs table: runs, or groups with the runs of those that are open. */
import { columnTitle } from "../core/columnid";
import { formatValue } from "../core/format";
import type { LeadLine } from "../core/rowlead";
import type { RunRow, Value } from "../core/wire";
import type { Groups, Line } from "./groups.svelte";
import type { Runs } from "./runs.svelte";

export interface Tabled {
  runs: Runs;
  groups: Groups;
  /** The fields that the runs are grouped by, if they are. */
  group: readonly string[];
  plotted: ReadonlySet<string>;
}

export class TableLines {
  /** @param tabled reads what the table shows now */
  constructor(private readonly tabled: () => Tabled) {}

  /** The line of a row; null while it is not loaded. */
  at(row: number): Line | null {
    const { runs, groups, group } = this.tabled();
    return group.length > 0 ? (groups.lines[row] ?? null) : { kind: "run", runs, at: row, level: 0 };
  }

  run(row: number): RunRow | null {
    const line = this.at(row);
    return line?.kind === "run" ? line.runs.at(line.at) : null;
  }

  leaves(row: number, run: RunRow): boolean {
    const line = this.at(row);
    return line?.kind === "run" && line.runs.leaving.has(run.uid);
  }

  value(row: number, column: string): Value | undefined {
    const line = this.at(row);
    return line?.kind === "run" ? line.runs.valueAt(line.at, column) : undefined;
  }

  /** What the first cell of a row shows. */
  lead(row: number): LeadLine | null {
    const { group, plotted } = this.tabled();
    const line = this.at(row);
    if (line?.kind === "group") {
      const value = line.group.values[line.level];
      const field = group[line.level];
      const title = columnTitle(field);
      const label = value === null ? `no ${title}` : value === "" ? "(empty)" : formatValue(value);
      // Values come first: of long keys the end is cut.
      const key = group.length > 1 && value !== null ? title.split(".").pop() : undefined;
      return { group: line.group, label, key, field, level: line.level, open: line.open, plotted: line.level === group.length - 1 };
    }
    const run = this.run(row);
    return run ? { run, level: line?.level ?? 0, plotted: plotted.has(run.uid) } : null;
  }
}
