/** Law: the page judges layers as `epochal/domain/health.py` does; both read tests/domain/health_vectors.json. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { diagnose, worst, type Health, type Recorded } from "../src/core/gradients/health";

interface Vector {
  name: string;
  gradients: boolean;
  records: Record<string, Recorded>;
  expected: Record<string, { states: Health[]; first: Partial<Record<Health, number>> }>;
}

const vectors = JSON.parse(readFileSync(new URL("../../tests/domain/health_vectors.json", import.meta.url), "utf8")) as Vector[];

describe("the health of layers", () => {
  it.each(vectors.map((v) => [`${v.name}, ${v.gradients ? "gradients" : "parameters"}`, v] as const))("is judged alike: %s", (_name, vector) => {
    const found = diagnose(new Map(Object.entries(vector.records)), vector.gradients);
    for (const [key, expected] of Object.entries(vector.expected)) {
      expect(found.get(key)?.states, key).toEqual(expected.states);
      expect(found.get(key)?.first, key).toEqual(expected.first);
    }
  });

  it("has a worst state, ok when there is none", () => {
    expect(worst([])).toBe("ok");
    expect(worst(["vanishing", "nan", "dead"])).toBe("nan");
  });
});
