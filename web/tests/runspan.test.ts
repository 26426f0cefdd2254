/** What live answers change about the rows of a table, and what they may not. */
import { describe, expect, it } from "vitest";
import { Foreseen } from "../src/core/foreseen";
import { groupNews, regrouped } from "../src/core/groupspan";
import { orderOf, standsIn } from "../src/core/ordering";
import { allNews, joined, newsOf, newsText, refreshed, without } from "../src/core/runspan";
import { movedBy } from "../src/core/standing";
import type { GroupCell, GroupPage, RunPage, RunRow, Value } from "../src/core/wire";

const run = (name: string, created = 0): RunRow => ({ uid: name, name, id: name, created_us: created }) as RunRow;
const runs = (names: string): RunRow[] => [...names].map((name) => run(name));
const page = (names: string, x: Value[] = [], cursor: string | null = null): RunPage => ({ runs: runs(names), columns: { x }, total: names.length, matched: names.length, cursor, rev: 0 });
const names = (rows: readonly RunRow[]): string => rows.map((row) => row.name).join("");

describe("rows that are shown", () => {
  const span = { rows: runs("abc"), values: { x: [1, 2, 3] } };

  it("keep their places when an answer comes in another order", () => {
    const next = refreshed(span, page("cda", [30, 40, null]));
    expect(names(next.rows)).toBe("abc");
    expect(next.values.x).toEqual([null, 2, 30]);
    expect(refreshed(span, page("z"))).toBe(span);
  });

  it("lose those that are gone, with their values, and take on further ones", () => {
    const left = without(span, new Set(["b"]));
    expect([names(left.rows), left.values.x]).toEqual(["ac", [1, 3]]);
    expect(without(span, new Set(["z"]))).toBe(span);
    const longer = joined(span, { rows: runs("de"), values: {} });
    expect([names(longer.rows), longer.values.x]).toEqual(["abcde", [1, 2, 3, null, null]]);
  });
});

describe("news", () => {
  it("tell what came, went or changed places, and nothing else", () => {
    expect(newsOf(runs("abc"), page("abc"))).toBeNull();
    expect(newsOf(runs("abc"), page("xyabc"))).toEqual({ fresh: 2, gone: 0, moved: false });
    expect(newsOf(runs("abc"), page("ac"))).toEqual({ fresh: 0, gone: 1, moved: false });
    expect(newsOf(runs("abc"), page("acb"))).toEqual({ fresh: 0, gone: 0, moved: true });
  });

  it("do not call gone what new runs push beyond the end of a page", () => {
    expect(newsOf(runs("abc"), page("xab", [], "more"))).toEqual({ fresh: 1, gone: 0, moved: false });
  });

  it("are said in a few words", () => {
    const said = [[1, 0], [3, 1], [0, 1], [0, 2], [0, 0]].map(([fresh, gone]) => newsText({ fresh, gone, moved: true }));
    expect(said).toEqual(["1 new run", "3 new runs", "1 run gone", "2 runs gone", "New order"]);
    expect(allNews([null, null])).toBeNull();
    expect(allNews([{ fresh: 1, gone: 0, moved: false }, null, { fresh: 2, gone: 1, moved: true }])).toEqual({ fresh: 3, gone: 1, moved: true });
  });
});

describe("groups that are shown", () => {
  const groups = (wheres: string, x: number[]): GroupPage => ({ groups: [...wheres].map((where) => ({ where, runs: x.length })), columns: { x: x.map((mean) => ({ mean }) as GroupCell) } }) as unknown as GroupPage;

  it("keep their places and take the new values", () => {
    const next = regrouped(groups("ab", [1, 2]), groups("cba", [30, 20, 10]));
    expect(next.groups.map((group) => [group.where, group.runs])).toEqual([["a", 3], ["b", 3]]);
    expect(next.columns.x.map((cell) => cell.mean)).toEqual([10, 20]);
  });

  it("have news when they come, go or change places", () => {
    expect(groupNews(groups("ab", []), groups("ab", []))).toBeNull();
    expect(groupNews(groups("ab", []), groups("bca", []))).toEqual({ fresh: 1, gone: 0, moved: true });
    expect(groupNews(groups("ab", []), groups("b", []))).toEqual({ fresh: 0, gone: 1, moved: false });
  });
});

describe("a row that is looked at", () => {
  it("is followed when others come or go above it", () => {
    expect(movedBy(1, runs("abc"), runs("xyabc"))).toBe(2);
    expect(movedBy(2, runs("abc"), runs("xbc"))).toBe(0);
    expect(movedBy(2, runs("abc"), runs("bc"))).toBe(-1);
  });

  it("is not followed into another order, nor when it is gone", () => {
    expect(movedBy(0, runs("abc"), runs("bca"))).toBe(0);
    expect(movedBy(1, runs("abc"), runs("xac"))).toBe(0);
  });

  it("far below of what is read moves with all that comes at the top", () => {
    expect(movedBy(5000, runs("abc"), runs("xyab"))).toBe(2);
  });
});

describe("an order that the page can tell", () => {
  const rows = [run("a", 1), run("b", 2), run("c", 3), run("d", 4)];
  const order = (x: Value[], ...entries: string[]): string | undefined => orderOf(rows, { "last(x)": x }, entries)?.map((i) => rows[i].name).join("");

  it("is the server's: missing values last, the newest of equal ones first", () => {
    expect(order([2, null, 1, 2], "last(x)")).toBe("cdab");
    expect(order([2, null, 1, 2], "-last(x)")).toBe("dacb");
    expect(order([2, null, 1, 2], "-last(x)", "created")).toBe("adcb");
    expect(order([], "created")).toBe("abcd");
  });

  it("is left to the server where values are texts, not finite, not exact or not here", () => {
    for (const odd of ["NaN", "text", 2 ** 60, true]) expect(order([1, 2, 3, odd], "last(x)")).toBeUndefined();
    expect(order([1], "last(x)")).toBeUndefined();
    expect(order([], "name")).toBeUndefined();
    expect(standsIn(rows, { "last(x)": [1, 2, 3, 4] }, ["last(x)"])).toBe(true);
    expect(standsIn(rows, { "last(x)": [1, 2, 3, 4] }, ["-last(x)"])).toBe(false);
    expect(standsIn(rows, {}, ["name"])).toBe(true);
  });
});

describe("an answer that was foreseen", () => {
  it("is given once, soon and to its own question only; a refusal is asked again", async () => {
    const asked: string[] = [];
    let now = 0;
    const foreseen = new Foreseen((query) => (asked.push(query.project), query.project === "bad" ? Promise.reject(new Error("away")) : Promise.resolve(page(query.project))), () => now);
    foreseen.prepare({ project: "a" });
    foreseen.prepare({ project: "a" });
    expect(names((await foreseen.page({ project: "a" })).runs)).toBe("a");
    expect(asked).toEqual(["a"]);
    await foreseen.page({ project: "a" });
    foreseen.prepare({ project: "b" });
    await foreseen.page({ project: "c" });
    now = 5000;
    await foreseen.page({ project: "b" });
    expect(asked).toEqual(["a", "a", "b", "c", "b"]);
    foreseen.prepare({ project: "bad" });
    await Promise.resolve();
    await expect(foreseen.page({ project: "bad" })).rejects.toThrow("away");
    expect(asked.slice(5)).toEqual(["bad", "bad"]);
  });
});
