/** What the runs table does with values: sheets, changes of many runs, cells of groups, small curves. */
import { describe, expect, it } from "vitest";
import { inPieces, refusedText } from "../src/core/bulk";
import { groupText, groupTitle } from "../src/core/groupcell";
import { columnEdges, columnWindow } from "../src/core/grid";
import { csvCell, sheetRows, sheetText } from "../src/core/sheet";
import { curveOf, pathOf } from "../src/core/sparkline";
import type { GroupCell, RunPage, RunRow, RunsOutcome } from "../src/core/wire";

const run = (name: string, more: Partial<RunRow> = {}): RunRow => ({ uid: name, name, id: name, tags: [], created_us: 0, updated_us: 2_500_000, ended_us: null, ...more }) as RunRow;

describe("a sheet", () => {
  it("holds fields and columns in the order of the table", () => {
    const page = { runs: [run("a"), run("b", { ended_us: 1_000_000 })], columns: { "config.x": [1, null] } } as unknown as RunPage;
    expect(sheetRows(page, ["name", "config.x", "duration", "created"])).toEqual([["a", 1, 2.5, "1970-01-01T00:00:00.000Z"], ["b", null, 1, "1970-01-01T00:00:00.000Z"]]);
  });

  it("quotes what would break a line, and lets no cell become a formula", () => {
    expect(['a"b', "a,b", "a\nb", "=1+1", "-x", "-Infinity", "NaN", "plain"].map(csvCell)).toEqual(['"a""b"', '"a,b"', '"a\nb"', "'=1+1", "'-x", "-Infinity", "NaN", "plain"]);
    expect([-5, true, null, [1, "x"]].map(csvCell)).toEqual(["-5", "true", "", '"[1,""x""]"']);
    expect(sheetText("csv", ["a", "b"], [[1, "x"]])).toBe("a,b\r\n1,x\r\n");
    expect(sheetText("jsonl", ["a", "b"], [[1, "NaN"], [null, "x"]])).toBe('{"a":1,"b":"NaN"}\n{"a":null,"b":"x"}\n');
  });
});

describe("a change of many runs", () => {
  const many = ["a", "b", "c", "d", "e"].map((name) => run(name));

  it("goes by pieces, goes on after a refusal and names who refused", async () => {
    const seen: number[] = [];
    const sent: string[][] = [];
    const send = (uids: string[]): Promise<RunsOutcome> => {
      sent.push(uids);
      const refused = uids.includes("c") ? [{ run: "c", code: "conflict", message: "it is being written" }] : [];
      return Promise.resolve({ done: uids.length - refused.length, refused });
    };
    const outcome = await inPieces(many, 2, send, { progress: (n) => seen.push(n) });
    expect(sent).toEqual([["a", "b"], ["c", "d"], ["e"]]);
    expect(seen).toEqual([2, 4, 5]);
    expect([outcome.done, outcome.left]).toEqual([4, 0]);
    expect(refusedText(outcome)).toBe("1 run did not change (c): it is being written");
    expect(refusedText({ asked: 1, done: 1, failed: [], left: 0 })).toBeNull();
  });

  it("begins nothing after a piece that failed as a whole, or after it was stopped", async () => {
    let calls = 0;
    const broken = await inPieces(many, 2, () => (++calls === 2 ? Promise.reject(new Error("it is away")) : Promise.resolve({ done: 2, refused: [] })));
    expect(refusedText(broken)).toBe("2 of 5 runs are done, 1 was not tried. 2 runs did not change (c, d): it is away");
    const stopped = await inPieces(many, 2, () => Promise.resolve({ done: 2, refused: [] }), { stopped: () => true });
    expect(refusedText(stopped)).toBe("0 of 5 runs are done, 5 were not tried.");
  });

  it("tells of several reasons the first, and that there are others", () => {
    const failed = ["a", "b", "c", "d"].map((name, i) => ({ run: run(name), message: `reason ${Math.min(i, 2)}` }));
    expect(refusedText({ asked: 4, done: 0, failed, left: 0 })).toBe("4 runs did not change (a, b, c and 1 more): reason 0 (and 2 other reasons)");
  });
});

describe("a small curve", () => {
  it("fills its box, breaks where there is no value, and is none without any", () => {
    expect(curveOf([[100, 2], [150, null], [200, 4]])).toEqual([[0, 0], null, [1, 1]]);
    expect(curveOf([[7, 3]])).toEqual([[1, 0.5]]);
    expect(curveOf([[0, null]])).toBeNull();
    expect(curveOf([])).toBeNull();
  });
});

describe("a cell of a group", () => {
  const cell = (part: Partial<GroupCell>): GroupCell => ({ n: 3, bad: 0, distinct: 3, value: null, mean: 0.5, std: 0.0123, min: 0.25, max: 0.75, ...part });

  it("shows mean and spread, or the value that all share", () => {
    expect(groupText(cell({}), "last(a)", false, 0)).toBe("0.5 ± 0.012");
    expect(groupText(cell({}), "last(a)", true, 0)).toBe("0.25 – 0.75");
    expect(groupText(cell({ distinct: 1, value: "adam", mean: null, std: null }), "config.o", false, 0)).toBe("adam");
    expect(groupText(cell({ mean: null, std: null, min: null, max: null, distinct: 2 }), "config.o", false, 0)).toBe("2 values");
    expect(groupText(cell({ n: 0 }), "last(a)", false, 0)).toBe("");
    expect(groupText(undefined, "last(a)", false, 0)).toBe("");
  });

  it("tells what was left out", () => {
    expect(groupTitle(cell({ bad: 1 }), 5)).toContain("3 of 5 runs have a value; 1 not finite, left out of the mean");
    expect(groupTitle(cell({ n: 0 }), 5)).toBe("none of 5 runs has a value");
  });
});

describe("pinned columns", () => {
  it("are left out of those that scroll", () => {
    const edges = columnEdges([200, 100, 100, 100, 100]);
    expect(columnWindow(0, 450, edges, 2)).toEqual({ first: 2, end: 4 });
    expect(columnWindow(150, 450, edges, 2)).toEqual({ first: 3, end: 5 });
  });
});

describe("a small curve", () => {
  it("breaks where there is nothing, and shows a lone point", () => {
    expect(pathOf([[0, 0], [0.5, 1], null, [1, 0.5]])).toBe("M2.0 18.0h0L50.0 2.0M98.0 10.0h0");
    expect(pathOf([])).toBe("");
  });
});
