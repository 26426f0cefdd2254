/** Laws: a scrubber shows each key's nearest step at or before it; masks are read exactly; nothing that users wrote is trusted. */
import { deflateSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/core/api";
import { boxesOf, chosenBoxes, inkOn, isBackground, masksOf, scoreNames } from "../src/core/media/annotations";
import { paintCloud, readCloud } from "../src/core/media/cloud";
import { isModelTree, isWatched, mediaSections, spanOf } from "../src/core/media/keys";
import { classCounts, readClassMap } from "../src/core/media/png";
import type { MediaEntry, MediaQuery, Meta } from "../src/core/media/shapes";
import { MediaSource } from "../src/core/media/source";
import { moved, shownStep, unionOf } from "../src/core/media/steps";
import { cellMedia, cellText, orderRows, previewOf, readTable } from "../src/core/media/table";

describe("steps", () => {
  const steps = unionOf([[0, 10, 20], [5, 10, 40], []]);

  it("of all keys stand together", () => expect(steps).toEqual([0, 5, 10, 20, 40]));

  it("are shown at or before the scrubber", () => {
    expect(shownStep([5, 10, 40], 39)).toBe(10);
    expect(shownStep([5, 10, 40], 4)).toBeNull();
    expect(shownStep([5, 10, 40], null)).toBe(40);
    expect(shownStep([], null)).toBeNull();
  });

  it("are walked one by one or far, and the end follows what is new", () => {
    expect(moved(steps, null, -1)).toBe(20);
    expect(moved(steps, 7, 1)).toBe(10);
    expect(moved(steps, 20, 1)).toBeNull();
    expect(moved(steps, 20, -10)).toBe(0);
    expect(moved([], null, 1)).toBeNull();
  });
});

describe("keys", () => {
  const key = (name: string, kind: string) => ({ key: name, kind });

  it("of watched layers and models belong to other tabs", () => {
    expect(isWatched(key("gradients/fc.weight", "histogram"))).toBe(true);
    expect(isWatched(key("gradients/picture", "image"))).toBe(false);
    expect(isModelTree(key("model/graph_1", "plot"))).toBe(true);
    expect(mediaSections([key("gradients/a", "histogram"), key("model/graph", "plot"), key("x", "image")]).flatMap((s) => s.keys)).toEqual(["x"]);
  });

  it("stand in sections like charts, wide ones last", () => {
    const found = mediaSections([key("val/table", "table"), key("val/z", "image"), key("plots/a", "plot"), key("train/b", "image"), key("top", "image")]);
    expect(found.map((s) => [s.name, s.keys])).toEqual([["train", ["train/b"]], ["val", ["val/z", "val/table"]], ["media", ["top"]], ["plots", ["plots/a"]]]);
    expect(spanOf("table", 4)).toBe(4);
    expect(spanOf("html", 1)).toBe(1);
  });
});

describe("the source of media", () => {
  const entry = (run: string, key: string, step: number, present = true): MediaEntry => ({ run, key, step, wall_us: 0, many: false, items: [{ kind: "image", meta: {}, blobs: { data: { digest: "d", size: 1, type: "image/png", present } } }] });

  function start(answers: (query: MediaQuery) => MediaEntry[]) {
    const asked: MediaQuery[] = [];
    const jobs: (() => void)[] = [];
    const source = new MediaSource(async (query) => (asked.push(query), { entries: answers(query), cursor: null }), () => undefined, (job) => jobs.push(job));
    const flush = (): void => jobs.splice(0).forEach((job) => job());
    return { asked, source, flush, frame: async () => (flush(), await new Promise((r) => setTimeout(r, 0))) };
  }

  it("asks once for all that a frame wants, and of each key for the last wish only", async () => {
    const { asked, source, frame } = start((q) => [entry("r", "a", 5), entry("r", "b", q.at ?? 0)]);
    expect(source.read("r", "a", 3)).toBeNull();
    source.read("r", "a", 5);
    source.read("r", "b", 9);
    await frame();
    expect(asked).toEqual([{ runs: ["r"], keys: ["a", "b"], at: 9, limit: 1000 }]);
    expect(source.read("r", "a", 5)?.entry?.step).toBe(5);
    await frame();
    expect(asked.length).toBe(1);
  });

  it("asks again for what was on its way, and for the newest, but for nothing else", async () => {
    let here = false;
    const { asked, source, frame } = start((q) => [entry("r", q.keys?.[0] ?? "", q.at ?? 0, here || q.at !== 1)]);
    source.read("r", "a", 1);
    await frame();
    source.read("r", "a", 2);
    await frame();
    source.changed("r", () => 7);
    here = true;
    source.read("r", "a", 2);
    await frame();
    expect(asked.length).toBe(2);
    expect(source.read("r", "a", 1)?.entry?.items[0].blobs.data.present).toBe(false);
    await frame();
    expect(source.read("r", "a", 1)?.entry?.items[0].blobs.data.present).toBe(true);
  });

  it("tells why there is nothing", async () => {
    const { source, frame } = start(() => {
      throw new Error("no such run");
    });
    source.read("r", "a", 1);
    await frame();
    expect(source.read("r", "a", 1)).toEqual({ entry: null, failure: "no such run" });
  });

  it("asks again for what failed, a while later", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    let away = true;
    const { asked, source, flush } = start((q) => {
      if (away) throw new ApiError("unreachable", "away");
      return [entry("r", "a", q.at ?? 0)];
    });
    const look = async (wait: number): Promise<void> => {
      source.read("r", "a", 1);
      flush();
      await vi.advanceTimersByTimeAsync(wait);
    };
    await look(1000);
    away = false;
    await look(5000);
    expect(asked.length).toBe(1);
    await look(0);
    vi.useRealTimers();
    expect(source.read("r", "a", 1)).toEqual({ entry: entry("r", "a", 1), failure: null });
  });

  it("does not ask again for what was refused", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const { asked, source, flush } = start(() => {
      throw new ApiError("not_found", "no such run", 404);
    });
    for (let i = 0; i < 3; i++) {
      source.read("r", "a", 1);
      flush();
      await vi.advanceTimersByTimeAsync(10_000);
    }
    vi.useRealTimers();
    expect(asked.length).toBe(1);
  });
});

describe("masks", () => {
  function png(width: number, height: number, depth: number, color: number, rows: number[][]): ArrayBuffer {
    const chunk = (type: string, data: Buffer): Buffer => {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(data.length);
      return Buffer.concat([size, Buffer.from(type), data, Buffer.alloc(4)]);
    };
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head.set([depth, color, 0, 0, 0], 8);
    const packed = deflateSync(Buffer.from(rows.flat()));
    const half = packed.length >> 1;
    const file = Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head), chunk("IDAT", packed.subarray(0, half)), chunk("IDAT", packed.subarray(half)), chunk("IEND", Buffer.alloc(0))]);
    return Uint8Array.from(file).buffer;
  }

  it("are read through every filter of PNG", async () => {
    const want = [[1, 2, 3], [4, 6, 8], [9, 9, 9], [200, 100, 50], [0, 255, 7]];
    const paeth = (a: number, b: number, c: number): number => {
      const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
      return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    };
    const rows = want.map((row, y) => [y, ...row.map((v, x) => {
      const [a, b, c] = [x > 0 ? row[x - 1] : 0, y > 0 ? want[y - 1][x] : 0, x > 0 && y > 0 ? want[y - 1][x - 1] : 0];
      return (v - [0, a, b, (a + b) >> 1, paeth(a, b, c)][y] + 512) & 255;
    })]);
    expect(Array.from((await readClassMap(png(3, 5, 8, 0, rows)))?.classes ?? [])).toEqual(want.flat());
  });

  it("keep 16 bits, and indices of a palette", async () => {
    expect(Array.from((await readClassMap(png(2, 1, 16, 0, [[0, 1, 2, 255, 254]])))?.classes ?? [])).toEqual([258, 65534]);
    expect(Array.from((await readClassMap(png(5, 1, 2, 3, [[0, 0b00011011, 0b11000000]])))?.classes ?? [])).toEqual([0, 1, 2, 3, 3]);
  });

  it("that are none, cut short, or lie about their size are refused", async () => {
    expect(await readClassMap(new ArrayBuffer(3))).toBeNull();
    expect(await readClassMap(png(2, 1, 8, 2, [[0, 1, 2, 3, 4, 5, 6]]))).toBeNull();
    expect(await readClassMap(png(9, 9, 8, 0, [[0, 1]]))).toBeNull();
    expect(await readClassMap(png(100_000, 100_000, 8, 0, [[0]]))).toBeNull();
  });

  it("tell how much of the image each class has", () => {
    expect([...classCounts({ width: 2, height: 2, classes: Uint16Array.of(7, 0, 7, 7) })]).toEqual([[0, 1], [7, 3]]);
  });
});

describe("boxes", () => {
  const meta: Meta = {
    classes: { 1: "car" },
    masks: { m: { class_labels: { 0: "road", x: "no number" } } },
    boxes: {
      found: {
        box_data: [
          { position: { minX: 25, maxX: 50, minY: 20, maxY: 40 }, domain: "pixel", class_id: 1, scores: { p: 0.4 } },
          { position: { minX: 0.5, maxX: 0.25, minY: 0, maxY: 1 }, box_caption: "<b>x</b>", scores: { p: 0.9, q: "NaN" } },
          { position: { minX: "NaN", maxX: 1, minY: 0, maxY: 1 } },
          { position: null },
          null,
        ],
        class_labels: { 2: "bus" },
      },
      broken: "nonsense",
    },
  };

  it("are placed in parts of the image, whatever they were given in; nonsense is left out", () => {
    const boxes = boxesOf(meta, 100, 200);
    expect(boxes.map((b) => [b.left, b.top, b.width, b.height, b.label])).toEqual([[0.25, 0.1, 0.25, 0.1, "car"], [0.25, 0, 0.25, 1, "<b>x</b>"]]);
    expect(scoreNames(boxes)).toEqual(["p", "q"]);
    expect(boxesOf({}, 1, 1)).toEqual([]);
  });

  it("are chosen by a score, best first; those without it always", () => {
    const boxes = boxesOf(meta, 100, 200);
    expect(chosenBoxes(boxes, "p", 0.5).map((b) => b.label)).toEqual(["<b>x</b>"]);
    expect(chosenBoxes(boxes, "p", 0).map((b) => b.label)).toEqual(["<b>x</b>", "car"]);
    expect(chosenBoxes(boxes, null, 0.99).length).toBe(2);
  });

  it("share the names of classes with masks", () => {
    expect(masksOf(meta)[0]).toMatchObject({ name: "m", role: "mask:m" });
    expect([...masksOf(meta)[0].labels]).toEqual([[1, "car"], [0, "road"]]);
    expect([isBackground(0, undefined), isBackground(0, "road"), isBackground(3, "Background")]).toEqual([true, false, true]);
  });

  it("have labels that can be read", () => expect([inkOn([255, 255, 0]), inkOn([90, 0, 90])]).toEqual(["#000", "#fff"]));
});

describe("tables", () => {
  const table = readTable('{"format":1,"columns":["n","t"],"types":["number","text"],"rows":4}\n[2,"b10"]\n["NaN","b2"]\n[null,null]\n[-1.5,"<b>a</b>"]\n');

  it("are read whole, and from their first rows", () => {
    expect(table.rows.length).toBe(4);
    expect(previewOf({ columns: ["a"], types: ["number"], rows: 500, preview: [[1], "no row"] })).toEqual({ columns: ["a"], types: ["number"], rows: [[1]], total: 500 });
    expect(previewOf({})).toBeNull();
    expect(() => readTable("{}")).toThrow();
  });

  it("are ordered by number or text, what is missing last either way", () => {
    expect([...orderRows(table, 0, false)]).toEqual([3, 0, 1, 2]);
    expect([...orderRows(table, 0, true)]).toEqual([0, 3, 1, 2]);
    expect([...orderRows(table, 1, false)].slice(1)).toEqual([1, 0, 2]);
  });

  it("show cells as text, media by their bytes", () => {
    expect(cellText("NaN", "number")).toBe("NaN");
    expect(cellText("NaN", "text")).toBe("NaN");
    expect(cellText({ a: [1] }, "json")).toBe('{"a":[1]}');
    expect(cellText(null, "text")).toBe("");
    const blob = { digest: "x", size: 1, type: "image/png", present: true };
    const cell = { kind: "image", meta: { caption: "c" }, cell: 3 };
    expect(cellMedia(cell, { "cell:3": blob, "cell:3:mask:m": blob, "cell:30": blob })).toEqual({ kind: "image", meta: { caption: "c" }, blobs: { data: blob, "mask:m": blob } });
    expect(cellText(cell, "image")).toBe("c");
    expect(cellMedia("text", {})).toBeNull();
  });
});

describe("point clouds", () => {
  it("are read with their colors, and fit the view", () => {
    const cloud = readCloud(Float32Array.of(0, 0, 0, 255, 0, 999, 10, 0, 0, 0, -5, 0).buffer, 6, () => [0, 0, 0]);
    expect(Array.from(cloud?.xyz ?? [])).toEqual([-1, 0, 0, 1, 0, 0]);
    expect(Array.from(cloud?.rgb ?? [])).toEqual([255, 0, 255, 0, 0, 0]);
    expect(readCloud(new ArrayBuffer(8), 3, () => [0, 0, 0])).toBeNull();
  });

  it("hide what lies behind", () => {
    const cloud = readCloud(Float32Array.of(0, 0, 1, 255, 0, 0, 0, 0, -1, 0, 255, 0).buffer, 6, () => [0, 0, 0]);
    const pixels = new Uint8ClampedArray(9 * 9 * 4);
    // From straight above only the upper point is seen.
    if (cloud) paintCloud(cloud, { yaw: 0, pitch: -Math.PI / 2, zoom: 1 }, pixels, 9, 9, [9, 9, 9]);
    const colors = new Set<string>();
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 0) colors.add(pixels[i] > pixels[i + 1] ? "red" : "green");
    expect(colors.size).toBe(1);
  });
});
