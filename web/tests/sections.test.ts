/** Law: the same keys always stand in the same order, what matters first, the machine last and folded. */
import { describe, expect, it } from "vitest";
import { matcher, sectionsOf } from "../src/core/sections";
import { isAsked, isSortable, metricColumn, nextSort, parseColumn, stepColumn } from "../src/core/columnid";
import { treeRows } from "../src/core/tree";

const KEYS = ["system/cpu", "gradients/layer10", "gradients/layer2", "lr", "val/acc", "val/loss", "train/loss", "train/acc", "perf/ms"];

describe("sections", () => {
  it("put train and val first and system last, folded", () => {
    const sections = sectionsOf(KEYS);
    expect(sections.map((s) => s.name)).toEqual(["train", "val", "gradients", "metrics", "perf", "system"]);
    expect(sections.filter((s) => s.collapsed).map((s) => s.name)).toEqual(["system"]);
    expect(sections[0].keys).toEqual(["train/loss", "train/acc"]);
    expect(sections[2].keys).toEqual(["gradients/layer2", "gradients/layer10"]);
  });

  it("do not depend on the order of arrival", () => {
    expect(sectionsOf([...KEYS].reverse())).toEqual(sectionsOf(KEYS));
  });

  it("repeat pinned keys in front and ignore pins that are gone", () => {
    expect(sectionsOf(KEYS, ["val/acc", "gone"])[0]).toEqual({ name: "pinned", keys: ["val/acc"], collapsed: false });
  });

  it("follow the filter, which opens what was folded", () => {
    expect(sectionsOf(KEYS, [], "cpu")).toEqual([{ name: "system", keys: ["system/cpu"], collapsed: false }]);
    expect(sectionsOf(KEYS, [], "train/*|val/loss").flatMap((s) => s.keys)).toEqual(["train/loss", "train/acc", "val/loss"]);
    expect(matcher("a[")("xa[y")).toBe(true);
  });

  it("take a key that is an object's own word for what it is", () => {
    expect(sectionsOf(["constructor", "__proto__/x", "toString/y"]).length).toBe(3);
  });
});

describe("columns", () => {
  it("keep keys with brackets whole, and say which of them the list of runs brings", () => {
    expect(parseColumn("last(f(x) (y))")).toEqual({ kind: "metric", aggregate: "last", key: "f(x) (y)" });
    for (const key of ["val/acc", "a@5", "a, b", 'quoted "key"']) expect(parseColumn(stepColumn(key, 1000))).toEqual({ kind: "at", key, step: 1000 });
    expect(parseColumn(metricColumn("spark", "a b"))).toEqual({ kind: "spark", key: "a b" });
    expect(["last(a)", "config.a", "at(a@5)", "spark(a)", "created", "tags"].map(isAsked)).toEqual([true, true, false, false, false, false]);
    expect(["last(a)", "at(a@5)", "spark(a)", "created", "tags", "name"].map(isSortable)).toEqual([true, false, false, true, false, true]);
  });

  it("sort by one column, or by several when more is asked for", () => {
    expect(nextSort(["-created"], "config.lr", true, false)).toEqual(["-config.lr"]);
    expect(nextSort(["-config.lr"], "config.lr", true, false)).toEqual(["config.lr"]);
    expect(nextSort(["-config.lr"], "name", false, true)).toEqual(["-config.lr", "name"]);
    expect(nextSort(["-config.lr", "name"], "name", false, true)).toEqual(["-config.lr", "-name"]);
    expect(nextSort(["-config.lr", "-name"], "name", false, true)).toEqual(["-config.lr"]);
  });
});

describe("a config tree", () => {
  const config = { lr: 0.1, optim: { name: "adam", eps: { a: 1 } }, list: [1, 2], none: {} };

  it("lists branches and leaves in order", () => {
    expect(treeRows(config, new Set()).map((r) => `${"-".repeat(r.depth)}${r.name}=${r.members ?? r.text}`)).toEqual([
      "lr=0.1", "optim=2", "-name=adam", "-eps=1", "--a=1", "list=[1, 2]", "none={}",
    ]);
  });

  it("tells rows apart whose keys have dots", () => {
    const rows = treeRows({ a: { "b.c": 1, b: { c: 2 } }, "a.b": { c: 3 }, "a.b.c": 4 }, new Set());
    expect(rows.filter((r) => r.path === "a.b.c").map((r) => r.text)).toEqual(["1", "2", "3", "4"]);
    expect(new Set(rows.map((r) => r.id)).size).toBe(rows.length);
  });

  it("folds, and opens what a search finds", () => {
    expect(treeRows(config, new Set(["optim"])).map((r) => r.path)).toEqual(["lr", "optim", "list", "none"]);
    expect(treeRows(config, new Set(["optim"]), "eps").map((r) => r.path)).toEqual(["optim", "optim.eps", "optim.eps.a"]);
    expect(treeRows(config, new Set(), "adam").map((r) => r.path)).toEqual(["optim", "optim.name"]);
    expect(treeRows(config, new Set(), "nothing")).toEqual([]);
  });
});
