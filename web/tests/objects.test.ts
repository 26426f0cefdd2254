/** Law: what users left behind is shown as what it is; nothing of it becomes markup, an address of ours, or a crash. */
import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { fileRows, firstFolded, type Entry } from "../src/core/objects/filetree";
import { fullName, runFileUrl, versionFileUrl } from "../src/core/objects/ask";
import { boxesOf, firstOpen, type Graph } from "../src/core/objects/graph";
import { layOut, linePath } from "../src/core/objects/layered";
import { addressOf, drawnLineage } from "../src/core/objects/lineage";
import { readMarkdown, readSpans } from "../src/core/objects/markdown";
import { describedFacts, layerRows, modelFacts, readModules, readSignature, readSummary } from "../src/core/objects/model";
import { readNpy } from "../src/core/objects/npy";
import { readOnnx } from "../src/core/objects/onnx";
import { readExported } from "../src/core/objects/exported";
import { decodeText, kindOf, linesOf, numericColumns, readJson, readTable } from "../src/core/objects/preview";
import { artifactSnippets, modelSnippets } from "../src/core/objects/snippet";
import { readerOf, readMember, readMembers } from "../src/core/objects/zip";
import { artifactPath, modelsPath, parseRoute } from "../src/core/route";

const entry = (path: string, size: number | null = 1): Entry => ({ path, size, time: null, digest: "", type: "", present: true, ref: null });

describe("addresses", () => {
  it("of artifacts and models are read back as what they were made of", () => {
    const awkward = "a b&c=d'é";
    expect(parseRoute(artifactPath("local", "x/y z", awkward, 3, "diff"))).toEqual({ page: "artifact", entity: "local", project: "x/y z", name: awkward, version: "v3", tab: "diff" });
    expect(parseRoute(artifactPath("team", "p", "n", "best"))).toMatchObject({ entity: "team", version: "best", tab: "overview" });
    expect(parseRoute("/p/x/artifacts/n")).toMatchObject({ page: "artifact", version: "latest" });
    expect(parseRoute("/p/x/artifacts")).toMatchObject({ page: "artifacts" });
    expect(parseRoute(modelsPath("team", awkward))).toEqual({ page: "model", entity: "team", name: awkward });
    expect(parseRoute("/models")).toEqual({ page: "models", entity: "local" });
    for (const wrong of ["/p/x/artifacts/n@v1/none", "/p/x/artifacts/@v1", "/p/x/artifacts/n@", "/p/x/artifacts/a@b@c", "/models/a/b", "/models/%2F", "/models/a%2Fb", "/models/@b/%2F", "/p/x/sweeps/%2F", "/p/x/sweeps/a%2F"]) expect(parseRoute(wrong).page).toBe("missing");
  });

  it("of files keep slashes and escape everything else", () => {
    expect(runFileUrl("u", "a b/c#?%.txt")).toBe("/api/v1/runs/u/files/a%20b/c%23%3F%25.txt");
    expect(versionFileUrl({ entity: "e", project: "p", name: "n", version: 2 }, "a&b")).toBe("/api/v1/artifacts/file?name=e%2Fp%2Fn%3Av2&path=a%26b");
    expect(fullName({ entity: "e", project: "p", name: "n" })).toBe("e/p/n");
  });
});

describe("the tree of files", () => {
  const entries = [entry("b.txt", 5), entry("dir/inner/x", 7), entry("dir/y", null), entry("__proto__/constructor")];

  it("puts folders first, with the size and number of what they hold", () => {
    const rows = fileRows(entries, new Set());
    expect(rows.map((r) => [r.depth, r.name])).toEqual([[0, "__proto__"], [1, "constructor"], [0, "dir"], [1, "inner"], [2, "x"], [1, "y"], [0, "b.txt"]]);
    expect(rows[2]).toMatchObject({ path: "dir", files: 2, size: 7, entry: null });
  });

  it("hides what is folded, and shows it again to a search", () => {
    expect(fileRows(entries, new Set(["dir"])).map((r) => r.path)).not.toContain("dir/y");
    expect(fileRows(entries, new Set(["dir"]), "INNER x").map((r) => r.path)).toEqual(["dir", "dir/inner", "dir/inner/x"]);
    expect(fileRows(entries, new Set(), "nothing")).toEqual([]);
  });

  it("opens small trees and closes large ones", () => {
    expect(firstFolded(entries).size).toBe(0);
    expect([...firstFolded(Array.from({ length: 300 }, (_, i) => entry(`d/${i % 2}/${i}`)))]).toEqual(["d", "d/0", "d/1"]);
  });
});

describe("previews", () => {
  it("go by the ending, and by nothing that could run", () => {
    expect(["a.py", "x/B.JSON", "a.tsv", "a.md", "a.svg", "a.pt", "page.html", "Makefile", ".json"].map(kindOf)).toEqual(["text", "json", "table", "markdown", "image", "none", "text", "text", "json"]);
  });

  it("tell text from other bytes, and forgive a character that was cut", () => {
    const bytes = new TextEncoder().encode("grün");
    expect(decodeText(bytes, true)).toBe("grün");
    expect(decodeText(bytes.subarray(0, 3), false)).toBe("gr");
    expect(decodeText(new Uint8Array([65, 0, 66]), true)).toBeNull();
    expect(decodeText(Uint8Array.from({ length: 400 }, (_, i) => 128 + (i % 60)), true)).toBeNull();
    expect(linesOf("a\r\nb\rc\n")).toEqual(["a", "b", "c"]);
    expect(linesOf("")).toEqual([""]);
  });

  it("read CSV as RFC 4180 has it", () => {
    expect(readTable('a,"b ""q"", c"\r\n1,"x\ny"\n\n2\n', ",")).toEqual({ columns: ["a", 'b "q", c'], rows: [["1", "x\ny"], ["2", ""]], cut: false });
    expect(readTable("\ufeffa\tb\n1\t2", "\t")).toMatchObject({ columns: ["a", "b"], rows: [["1", "2"]] });
    expect(readTable("", ",")).toEqual({ columns: [], rows: [], cut: false });
    const long = readTable(`a\n${"1\n".repeat(6000)}`, ",");
    expect([long.rows.length, long.cut]).toEqual([5000, true]);
    expect(readTable(`${",".repeat(300)}\n`, ",")).toMatchObject({ cut: true });
    expect(numericColumns(readTable("a,b,c\n1,x,\nnan,2,\n", ","))).toEqual([true, false, false]);
  });

  it("read JSON into a tree, and leave alone what is none or too much", () => {
    expect(readJson('{"a": [{"b": 1}], "c": [1, 2]}')).toEqual({ a: { "[0]": { b: 1 } }, c: [1, 2] });
    expect(readJson("[1, 2]")).toEqual({ value: [1, 2] });
    expect(readJson("{nope")).toBeNull();
    expect(readJson(JSON.stringify(Array.from({ length: 30_000 }, () => [{}])))).toBeNull();
  });
});

describe("markdown", () => {
  it("reads headings, lists, code, tables and quotes", () => {
    const blocks = readMarkdown("# T #\n\ntext\nmore\n- a\n  - b\n1. c\n\n```py\n# no\n```\n> q\n\n---\n| a | b |\n|---|---|\n| 1 | 2 |");
    expect(blocks.map((b) => b.kind)).toEqual(["heading", "paragraph", "list", "code", "quote", "rule", "table"]);
    expect(blocks[3]).toMatchObject({ kind: "code", info: "py", text: "# no" });
  });

  it("makes links only to http(s), and never markup", () => {
    expect(readSpans("[a](javascript:x) [b](https://h/p) ![c](http://h/i.png) <b>d</b>")).toEqual([
      { kind: "text", text: "a" }, { kind: "text", text: " " }, { kind: "link", text: "b", href: "https://h/p" }, { kind: "text", text: " " }, { kind: "text", text: "c" }, { kind: "text", text: " <b>d</b>" },
    ]);
    expect(readSpans("a__b__c **x** `**y**`")).toEqual([{ kind: "text", text: "a__b__c " }, { kind: "strong", text: "x" }, { kind: "text", text: " " }, { kind: "code", text: "**y**" }]);
  });

  it("ends on any text", () => {
    for (const text of ["```", "|", "- ", "#", ">", "*".repeat(5000), "[".repeat(5000)]) expect(Array.isArray(readMarkdown(text))).toBe(true);
  });
});

describe("models", () => {
  const signature = { inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]', outputs: '[{"type": "long", "name": "y", "required": false}]', params: '[{"name": "t", "type": "double", "default": 0.5}]' };

  it("tell what they take and give", () => {
    expect(readSignature(signature)).toEqual({
      inputs: [{ name: "", type: "float32", shape: "[any, 3]", note: "" }], outputs: [{ name: "y", type: "long", shape: "", note: "optional" }],
      params: [{ name: "t", type: "double", shape: "", note: "default 0.5" }],
    });
    expect(readSignature({ inputs: "{" })).toEqual({ inputs: [], outputs: [], params: [] });
    expect(modelFacts({ type: "model", metadata: { model: { format: "torch", class: "m:C", parameters: 5, signature } } })).toMatchObject({ format: "torch", className: "m.C", parameters: 5 });
    expect(modelFacts({ type: "model", metadata: {} })).toBeNull();
    expect(describedFacts('{"kind": "onnx", "class_name": "m:C"}')).toMatchObject({ format: "onnx", className: "m.C", parameters: null });
    expect(describedFacts("no")).toBeNull();
  });

  const summary = [
    "layer      kind        parameters  shapes", "-------------------------------------------", "(model)    Net",
    "body       Sequential", "body.0     Linear             12  weight [3, 3], bias [3]", "body.1     Linear          1,200  weight [400, 3]", "", "parameters: 1,212 (1,212 trained)",
  ].join("\n");

  it("show their layers as a tree that can be folded and searched", () => {
    const layers = readSummary(summary) ?? [];
    expect(layers.map((l) => [l.name, l.kind, l.parameters])).toEqual([["", "Net", 0], ["body", "Sequential", 0], ["body.0", "Linear", 12], ["body.1", "Linear", 1200]]);
    expect(layerRows(layers, new Set()).map((r) => [r.depth, r.label, r.total, r.children])).toEqual([[0, "(model)", 1212, 1], [1, "body", 1212, 2], [2, "0", 12, 0], [2, "1", 1200, 0]]);
    expect(layerRows(layers, new Set(["body"])).map((r) => r.name)).toEqual(["", "body"]);
    expect(layerRows(layers, new Set(["body"]), "1").map((r) => r.label)).toEqual(["body.1"]);
    expect(readSummary("something else")).toBeNull();
    expect(readModules({ nodes: [{ name: "a", class: "Linear", detail: "", parameters: [{ name: "weight", shape: [2, 2], count: 4, trainable: false }] }] })).toEqual([
      { name: "a", kind: "Linear", detail: "weight [2, 2]", parameters: 4, frozen: 4 },
    ]);
  });
});

describe("graphs", () => {
  const chainOf = (n: number): Graph => ({
    nodes: Array.from({ length: n }, (_, i) => ({ id: String(i), label: "op", detail: "", kind: "op" as const, group: `block/${i % 4}` })),
    edges: Array.from({ length: n - 1 }, (_, i) => ({ source: String(i), target: String(i + 1) })),
  });

  it("draw closed groups as one box, and open as many as fit", () => {
    const graph = chainOf(8);
    expect(boxesOf(graph, new Set()).boxes).toEqual([{ id: "g:block", label: "block", detail: "block", kind: "group", hidden: 8 }]);
    expect(boxesOf(graph, new Set(["block"])).boxes).toHaveLength(4);
    const single = { ...graph, nodes: graph.nodes.slice(0, 1) };
    expect(boxesOf(single, new Set()).boxes).toEqual([{ id: "g:block", label: "op", detail: "", kind: "op", hidden: 0 }]);
    expect(firstOpen(graph, 5)).toEqual(new Set(["block", "block/0"]));
    const big = chainOf(4000);
    expect(boxesOf(big, firstOpen(big)).boxes.length).toBeLessThanOrEqual(150);
  });

  it("lie in layers: every line leads on, no two boxes touch, and a cycle is no trouble", () => {
    const nodes = Array.from({ length: 40 }, (_, i) => ({ id: `n${i}`, width: 80 + (i % 5) * 10, height: 30 }));
    const edges = Array.from({ length: 90 }, (_, i) => ({ source: `n${(i * 7) % 40}`, target: `n${(i * 11 + 3) % 40}` }));
    for (const direction of ["right", "down"] as const) {
      const layout = layOut(nodes, edges, { direction, layerGap: 40, nodeGap: 10 });
      const boxes = nodes.map((n) => ({ ...n, ...(layout.nodes.get(n.id) as { x: number; y: number }) }));
      for (const a of boxes) {
        expect(a.x).toBeGreaterThanOrEqual(-0.01);
        expect(a.y + a.height).toBeLessThanOrEqual(layout.height + 0.01);
        for (const b of boxes) if (a !== b) expect(a.x + a.width <= b.x + 0.01 || b.x + b.width <= a.x + 0.01 || a.y + a.height <= b.y + 0.01 || b.y + b.height <= a.y + 0.01).toBe(true);
      }
      expect(layOut(nodes, edges, { direction, layerGap: 40, nodeGap: 10 })).toEqual(layout);
    }
    const line = layOut([nodes[0], nodes[1]], [{ source: "n0", target: "n1" }, { source: "n1", target: "n1" }, { source: "n0", target: "gone" }], { direction: "right", layerGap: 40, nodeGap: 10 });
    expect(line.edges.map((e) => e.length)).toEqual([2, 0, 0]);
    expect(linePath(line.edges[0], "right")).toMatch(/^M80 15L120 15$/);
  });

  it("of lineage lead to the pages of what they show", () => {
    const node = { id: "version:local/a/b/n:v3", kind: "version" as const, label: "local/a/b/n:v3", type: "dataset", state: "pending", uid: "", name: "local/a/b/n:v3" };
    const run = { id: "run:u", kind: "run" as const, label: "r", type: "run", state: "", uid: "u", name: "r" };
    expect(addressOf(node)).toBe("/p/a%2Fb/artifacts/n@v3");
    expect(addressOf({ id: "model:local/m/2", kind: "model", name: "m/2" })).toBe("/models/m");
    const drawn = drawnLineage({ root: node.id, nodes: [node, run], edges: [{ source: "run:u", target: node.id, role: "made" }, { source: node.id, target: "run:u", role: "eval" }], cut: false }, "local/a/b");
    expect(drawn.boxes).toEqual([{ id: node.id, title: "n:v3", lines: ["dataset · pending"], tone: "root", href: "/p/a%2Fb/artifacts/n@v3" }, { id: "run:u", title: "r", lines: ["run"], tone: "run", uid: "u" }]);
    expect(drawn.edges.map((e) => e.label)).toEqual([undefined, "eval"]);
  });

  it("come out of an exported program", () => {
    const tensor = (name: string) => ({ as_tensor: { name } });
    const graph = readExported({
      graph_module: {
        signature: { input_specs: [{ parameter: { arg: { name: "p_w" } } }, { user_input: { arg: tensor("x") } }] },
        graph: {
          tensor_values: { x: { dtype: 7, sizes: [{ as_expr: { expr_str: "s" } }, { as_int: 3 }] } },
          nodes: [
            { target: "torch.ops.aten.linear.default", inputs: [{ name: "input", arg: tensor("x") }, { name: "weight", arg: tensor("p_w") }], outputs: [tensor("linear")], metadata: { nn_module_stack: "L__self__,,Net;L__a,a.b,Linear" } },
            { target: "torch.ops.aten.cat.default", inputs: [{ name: "tensors", arg: { as_tensors: [{ name: "linear" }, { name: "x" }] } }], outputs: [tensor("cat")], metadata: {} },
          ],
          outputs: [tensor("cat")],
        },
      },
    });
    expect(graph.nodes.map((n) => [n.kind, n.label, n.group])).toEqual([["input", "x", ""], ["op", "linear", "a/b"], ["op", "cat", ""], ["output", "output", ""]]);
    expect(graph.nodes[0].detail).toBe("float32 [any, 3]");
    expect(graph.edges.map((e) => `${e.source}>${e.target}`)).toEqual(["in:x>0", "0>1", "in:x>1", "1>out:0"]);
    expect(() => readExported({ other: 1 })).toThrow("not known");
  });

  it("come out of an ONNX file, and bytes that are none are refused", () => {
    const field = (number: number, body: number[]): number[] => [number * 8 + 2, body.length, ...body];
    const text = (number: number, value: string): number[] => field(number, [...new TextEncoder().encode(value)]);
    const info = (name: string): number[] => [...text(1, name), ...field(2, field(1, [8, 1, ...field(2, [...field(1, text(2, "batch")), ...field(1, [8, 3])])]))];
    const node = [...text(1, "x"), ...text(1, "w"), ...text(2, "y"), ...text(3, "/block/conv/Conv"), ...text(4, "Conv")];
    const graph = [...field(1, node), ...field(5, text(8, "w")), ...field(11, info("x")), ...field(11, info("w")), ...field(12, info("y"))];
    const read = readOnnx(new Uint8Array([8, 9, ...field(7, graph)]));
    expect(read.nodes.map((n) => [n.kind, n.label, n.detail, n.group])).toEqual([["input", "x", "float32 [batch, 3]", ""], ["op", "Conv", "float32 [batch, 3]", "block/conv"], ["output", "y", "float32 [batch, 3]", ""]]);
    expect(read.edges).toEqual([{ source: "in:x", target: "0" }, { source: "0", target: "out:y" }]);
    for (const wrong of [[], [255, 255], [58, 200, 1], [7, 7, 7]]) expect(() => readOnnx(new Uint8Array(wrong))).toThrow();
  });
});

describe("archives and arrays", () => {
  function zip(name: string, body: Uint8Array, packed: Uint8Array, method: number): Uint8Array {
    const label = new TextEncoder().encode(name);
    const local = new DataView(new ArrayBuffer(30));
    local.setUint32(0, 0x04034b50, true);
    local.setUint16(26, label.length, true);
    const central = new DataView(new ArrayBuffer(46));
    central.setUint32(0, 0x02014b50, true);
    central.setUint16(10, method, true);
    central.setUint32(20, packed.length, true);
    central.setUint32(24, body.length, true);
    central.setUint16(28, label.length, true);
    const end = new DataView(new ArrayBuffer(22));
    end.setUint32(0, 0x06054b50, true);
    end.setUint32(12, 46 + label.length, true);
    end.setUint32(16, 30 + label.length + packed.length, true);
    return new Uint8Array(Buffer.concat([local, label, packed, central, label, end].map((p) => (p instanceof DataView ? new Uint8Array(p.buffer) : p))));
  }

  function npy(descr: string, shape: string, data: ArrayBuffer): Uint8Array {
    const head = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }\n`;
    const start = new Uint8Array([0x93, 78, 85, 77, 80, 89, 1, 0, head.length & 255, head.length >> 8]);
    return new Uint8Array(Buffer.concat([start, new TextEncoder().encode(head), new Uint8Array(data)]));
  }

  it("give back what lies in them, stored or deflated, within bounds", async () => {
    const body = new TextEncoder().encode("hello ".repeat(50));
    for (const [packed, method] of [[body, 0], [new Uint8Array(deflateRawSync(body)), 8]] as const) {
      const bytes = zip("a/b.txt", body, packed, method);
      const members = await readMembers(readerOf(bytes), bytes.length);
      expect(members.map((m) => m.name)).toEqual(["a/b.txt"]);
      expect(await readMember(readerOf(bytes), members[0], 1000)).toEqual(body);
      await expect(readMember(readerOf(bytes), members[0], 10)).rejects.toThrow("too large");
    }
    // A directory that lies about the size does not make memory grow.
    const lying = zip("x", new Uint8Array(3), new Uint8Array(deflateRawSync(body)), 8);
    await expect(readMember(readerOf(lying), (await readMembers(readerOf(lying), lying.length))[0], 1000)).rejects.toThrow("more than it says");
    await expect(readMembers(readerOf(body), body.length)).rejects.toThrow("no ZIP");
  });

  it("of NumPy tell dtype, shape and first numbers, and never read objects", () => {
    expect(readNpy(npy("<f4", "2, 2", new Float32Array([1, 2, NaN, 4]).buffer), 3)).toEqual({ dtype: "float32", shape: [2, 2], values: [1, 2, NaN] });
    expect(readNpy(npy("<i8", "1,", new BigInt64Array([-5n]).buffer), 3)).toEqual({ dtype: "int64", shape: [1], values: [-5n] });
    expect(readNpy(npy("<f2", "", new Uint16Array([0x3c00]).buffer), 3)).toMatchObject({ shape: [], values: [1] });
    expect(() => readNpy(npy("|O", "3", new ArrayBuffer(24)), 3)).toThrow("cannot be read");
    expect(() => readNpy(new Uint8Array(20), 3)).toThrow("no NumPy array");
  });
});

describe("snippets", () => {
  it("quote names for Python and for a shell", () => {
    const [python, shell] = artifactSnippets({ entity: "local", project: "p", name: 'it\'s "x"', version: 2 }, "data");
    expect(python.text).toContain(String.raw`run.use_artifact("p/it's \"x\":v2", type="data")`);
    expect(shell.text).toBe(String.raw`epochal artifact get 'p/it'\''s "x":v2'`);
    expect(artifactSnippets({ entity: "local", project: "team/cats", name: "x", version: 0 }, "t")[0].text).toContain('"local/team/cats/x:v0"');
    const origin = "http://127.0.0.1:7557";
    expect(modelSnippets("m", "@best", "", origin)[0].text).toContain('epochal.load_model("models:/m@best")');
    expect(modelSnippets("m", "3", "mlflow pytorch", origin)[0].text).toBe('import epochal\n\nmodel = epochal.load_model("models:/m/3")\nprediction = model.predict(data)');
    expect(modelSnippets("m", "3", "", origin)[1].text).toBe("epochal model get models:/m/3");
  });

  it("load with MLflow what only MLflow loads, from this server", () => {
    const lines = ["import mlflow", "", 'mlflow.set_tracking_uri("https://x:7557")', 'model = mlflow.pyfunc.load_model("models:/m/3")', "prediction = model.predict(data)"];
    for (const format of ["mlflow python_function", "mlflow xgboost", "mlflow onnx_runtime"]) expect(modelSnippets("m", "3", format, "https://x:7557")[0].text).toBe(lines.join("\n"));
  });
});
