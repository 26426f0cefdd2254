/** What the filter suggests, and what it becomes. */
import { describe, expect, it } from "vitest";
import { complete, taken, type Known } from "../src/core/complete";
import type { RunRow } from "../src/core/wire";

const known = {
  keys: {
    metrics: ["system/cpu", "train/loss", "val/acc", "top-1 %"].map((key) => ({ key, runs: 2 })),
    config: [{ key: "lr", runs: 2, kind: "number" }, { key: "optim.name", runs: 2, kind: "text" }, { key: 'weird "key"', runs: 1, kind: "text" }],
    summary: [{ key: "best", runs: 1, kind: "number" }],
    tags: [{ key: "team", runs: 1, kind: "text" }, { key: "mlflow.user", runs: 2, kind: "text" }],
    view: null,
    columns: [], axes: {},
  },
  rows: [{ name: "a", tags: ["baseline", 'odd "tag"'] }, { name: "b c", tags: ["baseline"] }] as RunRow[],
  values: { "tags.team": ["red", null], "config.optim.name": ["sgd", "adamw", "sgd", null], "config.lr": [0.1, 0.01] },
} satisfies Known;

/** The suggestions where `|` stands. */
function at(marked: string): string[] {
  const cursor = marked.indexOf("|");
  return complete(marked.replace("|", ""), cursor, known)?.items.map((item) => item.text) ?? [];
}

/** The text after the suggestion is taken, with the cursor as `|`. */
function take(marked: string, chosen: string): string {
  const [text, cursor] = [marked.replace("|", ""), marked.indexOf("|")];
  const found = complete(text, cursor, known);
  const item = found?.items.find((one) => one.text === chosen);
  if (!found || !item) throw new Error(`${chosen} is not among ${found?.items.map((one) => one.text).join(" ")}`);
  const after = taken(text, found, item);
  return `${after.text.slice(0, after.cursor)}|${after.text.slice(after.cursor)}`;
}

describe("the filter suggests", () => {
  it("fields by their name, their key or a part of it, the best first", () => {
    expect(at("na|")).toEqual(["name", "config.optim.name"]);
    expect(at("lr|")).toEqual(["config.lr"]);
    expect(at("tags.|")).toEqual(["tags.team", "tags.mlflow.user"]);
    expect(at("use|")).toEqual(["tags.mlflow.user"]);
    expect(at("loss|")).toEqual(["last(train/loss)"]);
    expect(at("config.|")).toEqual(["config.lr", "config.optim.name", 'config["weird \\"key\\""]']);
    expect(at("|").at(0)).toBe("name");
  });

  it("functions, and the keys of series within them, those of the machine last", () => {
    expect(at("exis|").at(0)).toBe("exists(");
    expect(at("min(|")).toEqual(["min(train/loss)", "min(val/acc)", 'min("top-1 %")', "min(system/cpu)"]);
    expect(at('max("top|')).toEqual(['max("top-1 %")']);
    expect(at("exists(config.o|")).toEqual(["config.optim.name"]);
  });

  it("operators after a field, and words after a condition", () => {
    expect(at("config.lr |")).toEqual(["==", "!=", "<", "<=", ">", ">=", "in", "not in", "like"]);
    expect(at("last(val/acc) not |")).toEqual(["in", "like"]);
    expect(at('config["weird \\"key\\""] l|')).toEqual(["like"]);
    expect(at("config.lr < 0.1 |")).toEqual(["and", "or"]);
    expect(at("(exists(config.lr)) o|")).toEqual(["or"]);
    expect(at('created > ago("2d") a|')).toEqual(["and"]);
    expect(at('state in ["failed"] |')).toEqual(["and", "or"]);
  });

  it("values: states, times, names, and what loaded runs have", () => {
    expect(at('state == "f|')).toEqual(['"finished"', '"failed"']);
    expect(at("state == f|")).toEqual(['"finished"', '"failed"']);
    expect(at('state in ["failed", |')).toContain('"crashed"');
    expect(at("created > |").at(0)).toBe('ago("1h")');
    expect(at("name == |")).toEqual(['"a"', '"b c"']);
    expect(at('not (config["optim.name"] == |')).toEqual(['"sgd"', '"adamw"']);
    expect(at("config.lr < |")).toEqual([]);
  });

  it("tags as the condition they make", () => {
    expect(at("base|")).toEqual(['"baseline" in tags']);
    expect(at('"odd|')).toEqual(['"odd \\"tag\\"" in tags']);
    expect(at('"baseline" |')).toEqual(["in tags", "not in tags"]);
  });

  it("nothing where the text makes no sense, a number stands, or all is typed", () => {
    for (const text of ["config.lr < 0.0|", "d[l?j0 |", "and and |", "config.lr config.lr |", "config.lr|", 'state == "finished"|', "lr & |", "zzz|"]) expect(at(text), text).toEqual([]);
  });
});

describe("a taken suggestion", () => {
  it("replaces the word at the cursor and leaves room for the next", () => {
    expect(take("lr|", "config.lr")).toBe("config.lr |");
    expect(take("not (na|) and x", "name")).toBe("not (name|) and x");
    expect(take("con|fig.x < 1", "config.lr")).toBe("config.lr |< 1");
    expect(take("mi|", "min(")).toBe("min(|");
  });

  it("closes quotes and brackets once", () => {
    expect(take('state == "fi|', '"finished"')).toBe('state == "finished" |');
    expect(take('state == "fi|ni"', '"finished"')).toBe('state == "finished" |');
    expect(take("min(tr|) < 1", "min(train/loss)")).toBe("min(train/loss) |< 1");
    expect(take('min("to|") < 1', 'min("top-1 %")')).toBe('min("top-1 %") |< 1');
    expect(take('config["we|"] == 1', 'config["weird \\"key\\""]')).toBe('config["weird \\"key\\""] |== 1');
    expect(take('name == "a| and state == "x"', '"a"')).toBe('name == "a" |and state == "x"');
  });
});
