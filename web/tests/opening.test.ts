/** Law: what a document brings along answers the first question only where the server would say the same; `tests/domain/first_chart.json` holds both to the same first chart. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openingOf } from "../src/core/opening";
import { sectionsOf } from "../src/core/sections";
import type { BucketQuery } from "../src/core/wire";
import { bucketMessage, type Point } from "./message";

const cases = JSON.parse(readFileSync(new URL("../../tests/domain/first_chart.json", import.meta.url), "utf8")) as { keys: string[]; first: string | null }[];
const line = (count: number): Point[] => Array.from({ length: count }, (_, i) => [i, i / 7]);
const given = (width: number, runs = ["a", "b"]) => {
  const body = bucketMessage(runs.map((run) => ({ run, key: "loss", points: line(64) })), width);
  return { buckets: 32, columns: Buffer.from(body).toString("base64") };
};
const question = (more: Partial<BucketQuery> = {}): BucketQuery => ({ series: [{ run: "b", key: "loss" }, { run: "a", key: "loss" }], x: "step", fields: ["last", "min", "max"], buckets: 32, ...more });

describe("the first chart", () => {
  it.each(cases)("of $keys is $first", ({ keys, first }) => {
    const open = sectionsOf(keys).filter((section) => !section.collapsed);
    expect(open[0]?.keys[0] ?? null).toBe(first);
  });
});

describe("an opening", () => {
  it("answers the question that it was made for, in its order", () => {
    const answer = openingOf(given(2))?.(question());
    expect(answer?.head.series.map((s) => [s.run, s.count])).toEqual([["b", 32], ["a", 32]]);
    expect(openingOf(null)).toBeNull();
  });

  it("leaves other questions to the server", () => {
    const ask = openingOf(given(2));
    const others: Partial<BucketQuery>[] = [
      { x: "wall" }, { lo: 0 }, { hi: 9 }, { smooth: 0.5 }, { fields: ["std" as "last"] }, { buckets: 64 },
      { series: [{ run: "a", key: "loss" }] },
      { series: [{ run: "a", key: "acc" }, { run: "b", key: "loss" }] },
      { series: [{ run: "a", formula: "loss" }, { run: "b", key: "loss" }] },
      { series: [{ runs: ["a", "b"], key: "loss" }, { run: "b", key: "loss" }] },
    ];
    for (const other of others) expect(ask?.(question(other)) ?? null, JSON.stringify(other)).toBeNull();
  });

  it("answers for any resolution when it holds every point", () => {
    expect(openingOf(given(1))?.(question({ buckets: 4096 }))?.head.width).toBe(1);
  });
});
