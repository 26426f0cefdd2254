/** Laws of taking a chart away: every value, every name as text, a program that names what is shown. */
import { describe, expect, it } from "vitest";
import { cell, line } from "../src/core/charts/csv";
import { keysInFormula, pythonOf } from "../src/core/charts/python";
import { SvgPen } from "../src/core/charts/svg";
import type { Want } from "../src/core/store";

const want = (series: Want["series"]): Want => ({ series, x: "step", range: null, buckets: 400, smooth: 0 });

describe("CSV", () => {
  it("keeps all digits and spells out what is not finite", () => {
    expect(line([0.1 + 0.2, NaN, Infinity, -Infinity, -0.5, 9007199254740993n])).toBe("0.30000000000000004,nan,inf,-inf,-0.5,9007199254740993\r\n");
  });

  it("quotes what separates, and what a spreadsheet would run", () => {
    expect(cell('a,"b"\n')).toBe('"a,""b""\n"');
    for (const text of ["=1+1", "+1", "-x", "@cmd", "\t=1"]) expect(cell(text).replace(/^"/, "").startsWith("'")).toBe(true);
    expect(cell("r18-adamw")).toBe("r18-adamw");
  });
});

describe("Python", () => {
  it("names each run and key once, those of groups and formulas too", () => {
    const program = pythonOf(want([{ run: "a", key: "train/loss" }, { run: "b", key: "train/loss" }, { run: "g", key: "val/loss - train/loss", formula: true, runs: ["b", "c"] }]), "ORIGIN");
    expect(program).toContain('reader = epochal.connect("ORIGIN")');
    expect(program).toContain('keys = [\n    "train/loss",\n    "val/loss",\n]');
    expect(program.match(/"[abc]",/g)).toEqual(['"a",', '"b",', '"c",']);
    expect(program).toContain("# on the page: val/loss - train/loss");
  });

  it("cannot be broken out of by a name", () => {
    const program = pythonOf(want([{ run: "a", key: '"]\nimport os #' }]), "ORIGIN");
    expect(program.split("\n").filter((l) => l.includes("import os"))).toEqual(['keys = ["\\"]\\nimport os #"]']);
    expect(pythonOf(want([{ run: "a", key: "x\nimport os", formula: true }]), "O")).not.toMatch(/^import os/m);
  });

  it("finds the keys of a formula, not its functions and numbers", () => {
    expect(keysInFormula('log10(train/loss) + "top-1" * 1e-3 - latest(val/acc) / 2')).toEqual(["train/loss", "top-1", "val/acc"]);
  });
});

describe("SVG", () => {
  it("escapes names and leaves out what is nowhere", () => {
    const pen = new SvgPen(100, 50);
    pen.fillText('<script>alert("x")</script>&', 1, 2);
    pen.beginPath();
    pen.moveTo(0, NaN);
    pen.lineTo(5, 5);
    pen.lineTo(Infinity, 1);
    pen.stroke();
    const text = pen.toString();
    expect(text).not.toContain("<script");
    expect(text).not.toMatch(/NaN|Infinity/);
    expect(text).toContain('d="M5 5"');
  });

  it("closes every group that it opens", () => {
    const pen = new SvgPen(10, 10);
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, 5, 5);
    pen.clip();
    pen.fillRect(0, 0, 1, 1);
    pen.restore();
    pen.save();
    pen.clip();
    const text = pen.toString();
    expect(text.match(/<g /g)?.length).toBe(text.match(/<\/g>/g)?.length);
    expect(text.endsWith("</g></svg>")).toBe(true);
  });
});
