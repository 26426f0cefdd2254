/** Laws of taking a chart away: every value, every name as text, a program that names what is shown. */
import { describe, expect, it } from "vitest";
import type { BucketSeries } from "../src/core/buckets";
import { cell, line, stretches, valuesOf } from "../src/core/charts/csv";
import { pythonOf, pythonOfHistograms, pythonOfImportance, pythonOfMedia, pythonOfTable } from "../src/core/charts/python";
import { csvOfMedia, type Told } from "../src/core/media/values";
import { SvgPen } from "../src/core/charts/svg";
import type { Want } from "../src/core/store";
import type { XAxis } from "../src/core/wire";

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

describe("points of long series", () => {
  /** Buckets of a thousand steps, with a point at every step. */
  const buckets = (count: number): BucketSeries => {
    const all = (value: number): Float64Array => new Float64Array(count).fill(value);
    return { run: "r", key: "loss", width: 1000, length: count, index: Float64Array.from({ length: count }, (_, i) => i), xFirst: all(0), xLast: all(999), n: all(1000), first: null, last: null, min: null, max: null, mean: null, smooth: null, nNan: null, nPos: null, nNeg: null };
  };

  it("are asked for in stretches that leave none out and name none twice", () => {
    expect(stretches(buckets(3), 5, 2500)).toEqual([[5, 2500]]);
    const found = stretches(buckets(1200), undefined, undefined);
    expect(found).toEqual([[undefined, 499_999], [500_000, 999_999], [1_000_000, undefined]]);
  });

  const want1 = want([{ run: "r", key: "loss" }]);
  /** A server of one series with so many points, whose value is their step. */
  function server(count: number) {
    const asked: (readonly [number, number])[] = [];
    const each = Math.max(1, count / 1024);
    const parts = Math.ceil(count / each);
    const api = {
      buckets: async () => ({
        head: { x: "step", width: each, origin: 0, scale: "linear", lo: 0, hi: count, series: [{ run: "r", key: "loss", start: 0, count: parts }] },
        columns: new Map([["bucket", Float64Array.from({ length: parts }, (_, i) => i)], ["x_first", new Float64Array(parts)], ["x_last", new Float64Array(parts).fill(each - 1)], ["n", new Float64Array(parts).fill(each)]]),
      }),
      points: async ({ lo = 0, hi = count - 1 }) => {
        asked.push([lo, hi]);
        const steps = Float64Array.from({ length: hi - lo + 1 }, (_, i) => lo + i);
        return { head: { series: [{ key: "loss", start: 0, count: steps.length }] }, columns: new Map([["step", steps], ["wall_us", steps], ["value", steps]]) };
      },
    };
    return { api: api as never, asked };
  }

  it("come whole, in their order, and it is said how far", async () => {
    const { api, asked } = server(1_048_576);
    const heard: number[] = [];
    const text = await (await valuesOf(api, want1, ["=run"], (came) => heard.push(came))).text();
    expect(asked.length).toBe(3);
    expect(heard.length).toBe(2);
    const rows = text.split("\r\n");
    expect(rows[1]).toBe("'=run,r,loss,0,0,0");
    expect(rows.length).toBe(1_048_576 + 2);
    expect(rows[rows.length - 2]).toBe("'=run,r,loss,1048575,1048575,1048575");
  });

  it("are refused above what a page can write, with what to do", async () => {
    await expect(valuesOf(server(102_400_000).api, want1, ["run"])).rejects.toThrow(/102.400.000 points.*10.000.000\. Zoom in, or run `epochal export`/);
  });
});

describe("CSV of media", () => {
  const told = (kind: string, meta: object, text: string | null = null): Told => ({ run: "u", name: "net", step: 7, index: 0, item: { kind, meta: meta as never, blobs: {} }, text });

  it("has the points of plots, with their thresholds", () => {
    const spec = { x: "recall", y: "precision", series: [{ name: "cat", x: [0, 0.1], y: [1, "NaN"], thresholds: [0.9, 0.30000000000000004] }] };
    expect(csvOfMedia([told("plot", { type: "pr", spec })])).toBe("run,name,step,item,series,recall,precision,threshold\r\nu,net,7,0,cat,0,1,0.9\r\nu,net,7,0,cat,0.1,nan,0.30000000000000004\r\n");
    const matrix = { classes: ["=a", "b"], counts: [[1, 2], [3, 4]] };
    expect(csvOfMedia([told("plot", { type: "confusion" }, JSON.stringify(matrix))]).split("\r\n").slice(1, 3)).toEqual(["u,net,7,0,'=a,'=a,1", "u,net,7,0,'=a,b,2"]);
  });

  it("has all rows of a table, and a head for each kind of columns", () => {
    const table = '{"columns":["word","n"],"types":["text","number"]}\n["a, b",1]\n["c","NaN"]\n';
    const other = '{"columns":["only"],"types":["json"]}\n[{"i":1}]\n';
    expect(csvOfMedia([told("table", {}, table), told("table", {}, other)])).toBe('run,name,step,item,word,n\r\nu,net,7,0,"a, b",1\r\nu,net,7,0,c,nan\r\n\r\nrun,name,step,item,only\r\nu,net,7,0,"{""i"":1}"\r\n');
  });

  it("lists what has no values", () => {
    expect(csvOfMedia([told("image", { caption: "s0", width: 64, height: 48 })])).toBe("run,name,step,item,kind,caption,width,height,bytes,sha256\r\nu,net,7,0,image,s0,64,48,,\r\n");
    expect(csvOfMedia([told("plot", { type: "plotly" }, "{no json")]).split("\r\n")[1]).toBe("u,net,7,0,plot,,,,,");
  });
});

describe("Python", () => {
  it("names each run and key once, those of groups and formulas too", () => {
    const program = pythonOf(want([{ run: "a", key: "train/loss" }, { run: "b", key: "train/loss" }, { run: "g", key: "val/loss - train/loss", formula: true, runs: ["b", "c"] }]), "ORIGIN");
    expect(program).toContain('reader = epochal.connect("ORIGIN")');
    expect(program).toContain('keys = ["train/loss"]\nx = "step"\nformulas = ["val/loss - train/loss"]');
    expect(program.match(/"[abc]",/g)).toEqual(['"a",', '"b",', '"c",']);
  });

  it("reads what is in view over the x axis that is shown, and names it", () => {
    const zoomed = { ...want([{ run: "a", key: "loss" }]), range: [9.5, 20.5] as [number, number] };
    const told = (x: XAxis, range = zoomed.range): string => pythonOf({ ...zoomed, x, range }, "O");
    expect(told("step")).toContain('x = "step"\n');
    expect(told("step")).toContain("frame[frame[x].between(10, 20)].set_index(x)");
    expect(told("wall", [0, 1.5e15])).toContain('.between("1970-01-01T00:00:00.000Z", "2017-07-14T02:40:00.000Z")');
    expect(told("relative", [1e6, 2.5e6])).toContain('frame[x] = (frame["time"] - run.created).dt.total_seconds()\n');
    expect(told("relative", [1e6, 2.5e6])).toContain("frame[x].between(1, 2.5)");
    expect(told({ metric: "epoch" })).toContain('    "loss",\n    "epoch",\n]\nx = "epoch"\n');
    expect(told({ metric: "epoch" })).toContain("frame[x].between(9.5, 20.5)");
    expect(pythonOf({ ...zoomed, series: [{ run: "a", key: "log(loss)", formula: true }] }, "O")).toContain("inside = (points.step >= 10) & (points.step <= 20)");
  });

  it("cannot be broken out of by a name", () => {
    const hostile = '"]\nimport os #';
    const program = pythonOf(want([{ run: "a", key: hostile }]), "ORIGIN");
    expect(program.split("\n").filter((l) => l.includes("import os"))).toEqual(['keys = ["\\"]\\nimport os #"]']);
    expect(pythonOf(want([{ run: "a", key: "x\nimport os", formula: true }]), "O")).not.toMatch(/^import os/m);
    const runs = { entity: hostile, project: hostile, where: hostile };
    const others = [pythonOfTable(runs, [hostile], { only: [hostile], groups: [[hostile, [hostile]]] }, "O"), pythonOfImportance(runs, hostile, "O"), pythonOfHistograms([hostile], hostile, "O"), pythonOfMedia([hostile], hostile, hostile, null, "O")];
    for (const text of others) expect(text).not.toMatch(/^import os/m);
  });

  it("reads media of the step that is looked at, each kind as what it is", () => {
    expect(pythonOfMedia(["a"], "val/roc", "plot", 40, "O")).toContain('if entry.key == "val/roc":\n            for item in run.media(entry.key, at=40):\n                print(run.name, item.step, item.data().decode())');
    expect(pythonOfMedia(["a"], "val/table", "table", null, "O")).toContain("at=entry.last_step):\n                print(run.name, item.step, item.to_pandas())");
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
