/** Laws of arranging charts: own order behind what was moved, one switch at a time, texts that come back. */
import { describe, expect, it } from "vitest";
import { arrange, byOrder, moveBy, moveTo, withOrder } from "../src/core/arrange";
import { isLog, isSectionLog, switchPanel, switchSection, type LogSetting } from "../src/core/logaxes";
import { formatSpec, keysOf, parseSpec, plainPattern, specTitle, type PanelSpec } from "../src/core/panelspec";
import { sectionsOf } from "../src/core/sections";

const KEYS = ["train/loss", "train/acc", "val/loss", "lr", "system/cpu"];
const none = { hide: [], po: [], so: [], add: [] };

describe("arranging", () => {
  it("changes nothing until somebody does", () => {
    expect(arrange(sectionsOf(KEYS), none)).toEqual(sectionsOf(KEYS));
  });

  it("puts what was moved first, hides, and stands added panels behind pinned ones", () => {
    const sections = arrange(sectionsOf(KEYS, ["lr"]), { hide: ["val/loss", "system/cpu"], po: ["train/acc", "gone"], so: ["metrics"], add: ["lines:a|b"] });
    expect(sections.map((s) => [s.name, s.keys])).toEqual([
      ["metrics", ["lr"]], ["pinned", ["lr"]], ["added", ["lines:a|b"]], ["train", ["train/acc", "train/loss"]],
    ]);
  });

  it("moves by places and onto others, and stops at the ends", () => {
    expect(moveBy(["a", "b", "c"], "a", 1)).toEqual(["b", "a", "c"]);
    expect(moveBy(["a", "b", "c"], "c", 5)).toEqual(["a", "b", "c"]);
    expect(moveBy(["a", "b", "c"], "c", -9)).toEqual(["c", "a", "b"]);
    expect(moveTo(["a", "b", "c"], "a", "c")).toEqual(["b", "c", "a"]);
    expect(moveTo(["a"], "x", "a")).toEqual(["a"]);
    expect(withOrder(["x", "a"], ["b", "a"])).toEqual(["x", "b", "a"]);
    expect(byOrder(["a", "b", "new"], ["b", "gone", "a"])).toEqual(["b", "a", "new"]);
  });
});

describe("logarithmic axes", () => {
  it("have a page default, exceptions of sections and of panels; the narrower word wins", () => {
    let s: LogSetting = "all";
    s = switchPanel(s, "train/loss");
    expect([isLog(s, "train/loss"), isLog(s, "train/acc")]).toEqual([false, true]);
    s = switchSection(s, "train");
    expect([isSectionLog(s, "train"), isLog(s, "train/loss"), isLog(s, "train/acc"), isLog(s, "val/loss")]).toEqual([false, false, false, true]);
    s = switchPanel(s, "train/acc");
    expect([isLog(s, "train/loss"), isLog(s, "train/acc")]).toEqual([false, true]);
    expect(switchPanel(switchPanel([], "lr"), "lr")).toEqual([]);
    expect(switchPanel(switchPanel("all", "lr"), "lr")).toBe("all");
    expect(isLog(switchSection([], "metrics"), "lr")).toBe(true);
    expect(switchSection(switchSection(["lr", "val/loss"], "val"), "val")).toEqual(["lr"]);
  });
});

describe("added panels", () => {
  it.each<PanelSpec>([
    { kind: "lines", pattern: "train/*|val/loss" },
    { kind: "formula", text: "train/loss - val/loss; x" },
    { kind: "scatter", x: 'config["a;b%"]', y: "last(val/acc)", color: "" },
    { kind: "parallel", columns: ["config.lr", "last(val/acc)"] },
    { kind: "bar", y: "min(val/loss)" },
    { kind: "importance", target: "min(val/loss)" },
    { kind: "media", key: "roc" },
    { kind: "ridge", key: "gradients/fc.weight" },
    { kind: "heat", key: "a;b:c%" },
  ])("come back from their text: %j", (spec) => {
    expect(parseSpec(formatSpec(spec))).toEqual(spec);
    expect(specTitle(spec)).not.toBe("");
  });

  it("are not confused with keys of metrics", () => {
    for (const name of ["train/loss", "lines", "lines:", "scatter:a", "pie:x", ""]) expect(parseSpec(name)).toBeNull();
  });

  it("go into a report without regular expressions, which only the page reads", () => {
    expect(plainPattern("train/*|val/loss", KEYS)).toBe("train/*|val/loss");
    expect(plainPattern("^train/.+", KEYS)).toBe(keysOf("^train/.+", KEYS).join("|"));
    expect(keysOf("^train/.+", KEYS).length).toBeGreaterThan(1);
    expect(plainPattern("^nothing$", KEYS)).toBeNull();
    expect(plainPattern("a[0]", ["a[0]"])).toBe("a[0]");
  });

  it("name keys by patterns, each part from its beginning when it has a star", () => {
    expect(keysOf("train/*|val/loss", KEYS)).toEqual(["train/loss", "train/acc", "val/loss"]);
    expect(keysOf("val/loss|train/loss", KEYS)).toEqual(["val/loss", "train/loss"]);
    expect(keysOf("loss", KEYS)).toEqual(["train/loss", "val/loss"]);
    expect(keysOf("l*", KEYS)).toEqual(["lr"]);
    expect(keysOf("(", KEYS)).toEqual([]);
  });

  it("take the bars inside of brackets for those of a regular expression", () => {
    expect(keysOf("^(train|val)/loss$", KEYS)).toEqual(["train/loss", "val/loss"]);
    expect(keysOf("(train|val)/loss|lr", KEYS)).toEqual(["lr", "train/loss", "val/loss"].filter((k) => KEYS.includes(k)).sort((a, b) => KEYS.indexOf(a) - KEYS.indexOf(b)));
    expect(keysOf("train/loss|(val", KEYS)).toEqual(["train/loss"]);
    expect(keysOf("a,b|c*d", ["a,b", "a,b|c*d"])).toEqual(["a,b|c*d"]);
    expect(plainPattern("^(train|val)/loss$", KEYS)).toBe("train/loss|val/loss");
  });
});
