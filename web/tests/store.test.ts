/** Law: one request per frame for what is visible, deltas merge to what a whole question would give, old data stays until better is there. */
import { describe, expect, it } from "vitest";
import { pointCount, type BucketSeries } from "../src/core/buckets";
import { decodeColumns } from "../src/core/columns";
import { SeriesStore, type Want } from "../src/core/store";
import type { BucketHead, BucketQuery, Change } from "../src/core/wire";
import { bucketMessage, type Point } from "./message";

/** A server over plain points that counts what it is asked. */
class Server {
  asked: BucketQuery[] = [];
  down = false;
  constructor(readonly points: Map<string, Point[]>) {}

  fetch = async (query: BucketQuery) => {
    this.asked.push(query);
    if (this.down) throw new Error("away");
    const inside = ([x]: Point): boolean => x >= (query.lo ?? -Infinity) && x <= (query.hi ?? Infinity);
    const series = query.series.map(({ run = "", key = "" }) => ({ run, key, points: (this.points.get(`${run}/${key}`) ?? []).filter(inside) }));
    const xs = series.flatMap((s) => s.points.map((p) => p[0]));
    const lo = query.lo ?? Math.min(...xs, Infinity);
    const hi = query.hi ?? Math.max(...xs, -Infinity);
    let width = 1;
    const few = query.scale !== "log" && series.every((s) => s.points.length <= (query.points ?? 0));
    while (!few && lo <= hi && Math.floor(hi / width) - Math.floor(lo / width) + 1 > (query.buckets ?? 400)) width *= 2;
    return decodeColumns<BucketHead>(bucketMessage(series, width));
  };
}

/** Jobs run when the test says so. */
class Clock {
  time = 0;
  jobs: { at: number; job: () => void }[] = [];
  soon = (job: () => void, ms: number): void => void this.jobs.push({ at: this.time + ms, job });
  now = (): number => this.time;
  async advance(ms: number): Promise<void> {
    this.time += ms;
    for (let turn = 0; turn < 20; turn++) {
      const due = this.jobs.filter((j) => j.at <= this.time);
      this.jobs = this.jobs.filter((j) => j.at > this.time);
      for (const { job } of due) job();
      for (let i = 0; i < 10; i++) await Promise.resolve();
      if (due.length === 0) return;
    }
  }
}

const line = (count: number): Point[] => Array.from({ length: count }, (_, i) => [i, Math.sin(i / 50)]);
const want = (runs: string[], key: string, more: Partial<Want> = {}): Want => ({ series: runs.map((run) => ({ run, key })), x: "step", range: null, buckets: 64, smooth: 0, ...more });
const change = (uid: string, last: number, reset = false): Change => ({ uid, project: "p", entity: "local", rev: 1, what: ["series"], state: "running", last_step: last, reset });

function build(points: [string, Point[]][]) {
  const server = new Server(new Map(points));
  const clock = new Clock();
  const store = new SeriesStore(server.fetch, null, clock.soon, clock.now);
  const heard: string[] = [];
  const listener = (name: string) => ({ data: () => void heard.push(name), failed: (m: string) => void heard.push(`${name}: ${m}`) });
  const read = (w: Want): BucketSeries => store.read(w)[0] as BucketSeries;
  return { server, clock, store, heard, listener, read };
}

describe("the series store", () => {
  it("asks once for all panels of a frame and not again", async () => {
    const { server, clock, store, heard, listener } = build([["a/loss", line(500)], ["b/loss", line(300)], ["a/acc", line(500)]]);
    store.show("one", want(["a", "b"], "loss"), listener("one"));
    store.show("two", want(["a", "b"], "acc"), listener("two"));
    store.show("again", want(["a"], "loss"), listener("again"));
    await clock.advance(16);
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0].series).toHaveLength(4);
    expect(heard.sort()).toEqual(["again", "one", "two"]);
    store.show("one", want(["a", "b"], "loss"), listener("one"));
    await clock.advance(1000);
    expect(server.asked).toHaveLength(1);
  });

  it("draws what came with the document at once, and asks for the rest in one request", async () => {
    const { server, clock, heard, listener } = build([["a/loss", line(500)], ["a/acc", line(500)]]);
    const given: BucketQuery[] = [];
    const answers = new Server(server.points);
    const message = await answers.fetch({ series: [{ run: "a", key: "loss" }], x: "step", buckets: 64, points: 500 });
    const store = new SeriesStore(server.fetch, (query) => (given.push(query), given.length === 1 ? message : null), clock.soon, clock.now);
    store.show("one", want(["a"], "loss"), listener("one"));
    store.show("two", want(["a"], "acc"), listener("two"));
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(server.asked.map((q) => q.series.map((s) => s.key))).toEqual([["acc"]]);
    expect(heard[0]).toBe("one");
    expect(pointCount(store.read(want(["a"], "loss"))[0] as BucketSeries)).toBe(500);
    store.changed([change("a", 499, true)]);
    await clock.advance(1000);
    expect(given).toHaveLength(2);
    expect(server.asked.slice(1).flatMap((q) => q.series.map((s) => s.key)).sort()).toEqual(["acc", "loss"]);
  });

  it("asks nothing for a panel that left before the frame", async () => {
    const { server, clock, store, listener } = build([["a/loss", line(10)]]);
    store.show("one", want(["a"], "loss"), listener("one"));
    store.hide("one");
    await clock.advance(100);
    expect(server.asked).toHaveLength(0);
  });

  it("merges live deltas to what the whole question gives, and asks for the end only", async () => {
    const all = line(3000);
    const { server, clock, store, listener, read } = build([["a/loss", all.slice(0, 1000)]]);
    const w = want(["a"], "loss");
    store.show("one", w, listener("one"));
    await clock.advance(16);
    for (let n = 1040; n <= 3000; n += 40) {
      server.points.set("a/loss", all.slice(0, n));
      store.changed([change("a", n - 1)]);
      await clock.advance(1000);
      expect(pointCount(read(w)), `after ${n} points`).toBe(n);
      expect(read(w).length === n, `point by point after ${n} points`).toBe(n <= 2048);
    }
    const held = read(w);
    expect(held.length).toBeLessThanOrEqual(2048);
    const spread = Math.max(...(held.max as Float64Array)) - Math.min(...(held.min as Float64Array));
    expect(spread).toBeCloseTo(Math.max(...all.map((p) => p[1])) - Math.min(...all.map((p) => p[1])), 12);
    expect(server.asked.slice(1).every((q) => (q.lo as number) > 900)).toBe(true);
  });

  it("drops what a reset makes void and keeps drawing the old until the new is there", async () => {
    const { server, clock, store, listener, read } = build([["a/loss", line(1000)]]);
    const w = want(["a"], "loss");
    store.show("one", w, listener("one"));
    await clock.advance(16);
    server.points.set("a/loss", line(400));
    store.changed([change("a", 399, true)]);
    expect(pointCount(read(w))).toBe(1000);
    await clock.advance(1000);
    expect(pointCount(read(w))).toBe(400);
    expect(server.asked[1].lo).toBeUndefined();
  });

  it("does not ask at a zoom when the buckets are the points already", async () => {
    const { server, clock, store, listener, read } = build([["a/val", line(40)], ["a/loss", line(4000)]]);
    store.show("val", want(["a"], "val"), listener("val"));
    store.show("loss", want(["a"], "loss"), listener("loss"));
    await clock.advance(16);
    const before = server.asked.length;
    store.show("val", want(["a"], "val", { range: [10, 12] }), listener("val"));
    store.show("loss", want(["a"], "loss", { range: [10, 60] }), listener("loss"));
    await clock.advance(16);
    expect(server.asked.slice(before).flatMap((q) => q.series.map((s) => s.key))).toEqual(["loss"]);
    expect(read(want(["a"], "loss", { range: [10, 60] })).width).toBe(1);
  });

  it("asks once more for few points that long series gave wide buckets, and not for many", async () => {
    const sparse: Point[] = line(1000).map(([x, y]) => [x * 5, y]);
    const { server, clock, store, listener, read } = build([["a/long", line(5000)], ["a/sparse", sparse]]);
    store.show("long", want(["a"], "long"), listener("long"));
    store.show("sparse", want(["a"], "sparse"), listener("sparse"));
    await clock.advance(1000);
    expect(read(want(["a"], "sparse")).length).toBe(1000);
    expect(read(want(["a"], "long")).length).toBeLessThanOrEqual(64);
    expect(server.asked.map((q) => q.series.map((s) => s.key))).toEqual([["long", "sparse"], ["sparse"]]);
  });

  it("gives a short series a grid of its own", async () => {
    const { clock, store, listener, read } = build([["a/long", line(100_000)], ["a/short", line(300)]]);
    store.show("long", want(["a"], "long"), listener("long"));
    store.show("short", want(["a"], "short"), listener("short"));
    await clock.advance(16);
    expect(read(want(["a"], "long")).width).toBe(2048);
    expect(read(want(["a"], "short")).width).toBeLessThanOrEqual(8);
  });

  it("tells the panel of a failure and recovers on resync", async () => {
    const { server, clock, store, heard, listener, read } = build([["a/loss", line(10)]]);
    server.down = true;
    store.show("one", want(["a"], "loss"), listener("one"));
    await clock.advance(16);
    expect(heard).toEqual(["one: away"]);
    server.down = false;
    store.resync();
    await clock.advance(16);
    expect(pointCount(read(want(["a"], "loss")))).toBe(10);
  });

  it("makes live updates rarer when drawing is slow", async () => {
    const { server, clock, store, listener } = build([["a/loss", line(10)]]);
    store.show("one", want(["a"], "loss"), listener("one"));
    await clock.advance(16);
    store.spent(60);
    const before = server.asked.length;
    server.points.set("a/loss", line(12));
    store.changed([change("a", 11)]);
    await clock.advance(400);
    expect(server.asked.length).toBe(before);
    await clock.advance(400);
    expect(server.asked.length).toBe(before + 1);
  });

  it("asks for buckets in the scale of the axis, draws the linear ones meanwhile and never extends those that widen", async () => {
    const { server, clock, store, listener, read } = build([["a/loss", line(5000)]]);
    const linear = want(["a"], "loss");
    store.show("one", linear, listener("one"));
    await clock.advance(16);
    const log = { ...linear, logX: true };
    expect(read(log)).toBe(read(linear));
    store.show("one", log, listener("one"));
    await clock.advance(16);
    expect(server.asked.map((q) => q.scale)).toEqual([undefined, "log"]);
    expect(read(log)).not.toBe(read(linear));
    const before = server.asked.length;
    (read(log) as { log?: boolean }).log = true;
    store.changed([change("a", 6000)]);
    await clock.advance(1000);
    expect(server.asked).toHaveLength(before);
    await clock.advance(1500);
    expect(server.asked.slice(before).map((q) => [q.scale, q.lo])).toEqual([["log", undefined]]);
  });

  it("asks nothing more for another scale where each point has a bucket", async () => {
    const { server, clock, store, listener, read } = build([["a/loss", line(50)]]);
    store.show("one", want(["a"], "loss"), listener("one"));
    await clock.advance(16);
    store.show("one", want(["a"], "loss", { logX: true }), listener("one"));
    await clock.advance(1000);
    expect(server.asked).toHaveLength(1);
    expect(read(want(["a"], "loss", { logX: true })).length).toBe(50);
  });
});
