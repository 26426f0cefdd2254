/** Laws of taking a chart away: every value, every name as text, a program that names what is shown. */
import { describe, expect, it } from "vitest";
import { cell, line } from "../src/core/charts/csv";
import { pythonOf, pythonOfHistograms, pythonOfImportance, pythonOfTable } from "../src/core/charts/python";
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
    expect(program).toContain('keys = ["train/loss"]\nformulas = ["val/loss - train/loss"]');
    expect(program.match(/"[abc]",/g)).toEqual(['"a",', '"b",', '"c",']);
  });

  it("reads what is in view where x is the step", () => {
    const zoomed = { ...want([{ run: "a", key: "loss" }]), range: [9.5, 20.5] as [number, number] };
    expect(pythonOf(zoomed, "O")).toContain('history.to_pandas().query("10 <= step <= 20")');
    expect(pythonOf({ ...zoomed, x: "wall" }, "O")).not.toContain("query");
  });

  it("cannot be broken out of by a name", () => {
    const hostile = '"]\nimport os #';
    const program = pythonOf(want([{ run: "a", key: hostile }]), "ORIGIN");
    expect(program.split("\n").filter((l) => l.includes("import os"))).toEqual(['keys = ["\\"]\\nimport os #"]']);
    expect(pythonOf(want([{ run: "a", key: "x\nimport os", formula: true }]), "O")).not.toMatch(/^import os/m);
    const runs = { entity: hostile, project: hostile, where: hostile };
    const others = [pythonOfTable(runs, [hostile], { only: [hostile], groups: [[hostile, [hostile]]] }, "O"), pythonOfImportance(runs, hostile, "O"), pythonOfHistograms([hostile], hostile, "O")];
    for (const text of others) expect(text).not.toMatch(/^import os/m);
  });

  it("reads a table by the filter, or by the runs that a report names", () => {
    const runs = { entity: "local", project: "nets", where: "config.lr < 0.1 " };
    expect(pythonOfTable(runs, ["config.lr", "last(loss)", "config.lr"], {}, "O")).toBe(
      'import epochal\n\nreader = epochal.connect("O")\nruns = reader.runs("nets", where="config.lr < 0.1", entity="local")\ncolumns = [\n    "config.lr",\n    "last(loss)",\n]\nframe = runs.to_pandas(columns=columns)\nprint(frame[["name", *columns]])\n',
    );
    expect(pythonOfTable({ ...runs, where: "" }, ["last(loss)"], { only: ["a"] }, "O")).toContain('archived=True)\ncolumns = ["last(loss)"]\nframe = runs.to_pandas(columns=columns)\nframe = frame[frame["uid"].isin(["a"])]');
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
