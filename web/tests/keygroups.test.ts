import { expect, test } from "vitest";
import { beginsFolded, keyGroups, nestPaths, restOf, stemOf } from "../src/core/keygroups";
import { treeRows } from "../src/core/tree";

const names = (keys: string[], from?: number) => keyGroups(keys, (key) => key, from).map((g) => [g.name, g.items]);

test("what stands before the first sign groups keys, and a sign at an end does not", () => {
  expect(["train/loss", "optim.lr", "a.b/c", "lr", "/x", ".x", "x/", "x."].map(stemOf)).toEqual(["train", "optim", "a", "", "", "", "", ""]);
});

test("few keys are one group; of many, those that share a beginning stand together and single ones first", () => {
  expect(names([])).toEqual([]);
  expect(names(["b/x", "a"])).toEqual([["", ["b/x", "a"]]]);
  expect(names(["val/loss", "lr", "train/loss", "val/acc", "train/acc", "test/acc"], 3)).toEqual([
    ["", ["lr", "test/acc"]],
    ["val", ["val/loss", "val/acc"]],
    ["train", ["train/loss", "train/acc"]],
  ]);
  expect(restOf("val/loss", "val")).toBe("loss");
  expect(restOf("lr", "")).toBe("lr");
});

test("keys that differ in the sign alone are all shown, under the names that they have", () => {
  const signs = { "lr/x": 1, "lr.x": 2, "lr.y": 3, "train/aug/flip": true, "train/aug/crop": { by: 8 }, "train/n": 1 };
  expect(treeRows(nestPaths(signs), new Set()).map((row) => [row.path, row.text])).toEqual([
    ["lr/x", "1"], ["lr.x", "2"], ["lr.y", "3"], ["train", ""], ["train/aug", ""], ["train/aug/flip", "true"], ["train/aug/crop", ""], ["train/aug/crop.by", "8"], ["train/n", "1"],
  ]);
  expect(treeRows(nestPaths(signs), new Set(["train/aug"]), "aug/fl").map((row) => row.path)).toEqual(["train", "train/aug", "train/aug/flip"]);
});

test("only large groups of many keys begin folded", () => {
  expect([beginsFolded(13, 61), beginsFolded(12, 61), beginsFolded(50, 60)]).toEqual([true, false, false]);
});

test("keys that are paths are nested where they share a beginning, at every depth", () => {
  expect(nestPaths({ "optim.lr": 1, "optim.sched.name": "cos", "optim.sched.t": 2, "model.depth": 3, seed: 4 })).toEqual({
    optim: { lr: 1, sched: { name: "cos", t: 2 } },
    "model.depth": 3,
    seed: 4,
  });
  expect(nestPaths({ data: { "aug/flip": true, "aug/crop": 8 }, list: [1] })).toEqual({ data: { aug: { flip: true, crop: 8 } }, list: [1] });
});

test("a key that is there both ways stays as it is, and hostile names nest like others", () => {
  const both = { a: { b: 1 }, "a.b": 2, "a.c": 3 };
  expect(nestPaths(both)).toEqual(both);
  const hostile = nestPaths(JSON.parse('{"x.__proto__": {"y": 1}, "x.z": 2, "__proto__.a": 1, "__proto__.b": 2}') as { [key: string]: number });
  expect(JSON.stringify(hostile)).toBe('{"x":{"__proto__":{"y":1},"z":2},"__proto__":{"a":1,"b":2}}');
  expect(({} as { y?: number }).y).toBeUndefined();
});
