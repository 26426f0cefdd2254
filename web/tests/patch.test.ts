/** Law: every line of a patch is shown once, under its own number; a comparison of two texts rebuilds both. */
import { describe, expect, it } from "vitest";
import { compareTexts, onlyChanges, readPatch } from "../src/core/run/patch";

const PATCH = `diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -3,3 +3,4 @@ def f():
 same
-old
+new
+more
 end
diff --git "a/odd name" "b/odd name"
new file mode 100644
Binary files /dev/null and "b/odd name" differ
`;

describe("a patch", () => {
  it("is read as files, counts and numbered lines", () => {
    const [one, two] = readPatch(PATCH);
    expect([one.name, one.added, one.removed]).toEqual(["a.py", 2, 1]);
    expect(one.lines.map((l) => [l.kind, l.before, l.after, l.text])).toEqual([
      ["note", null, null, "@@ -3,3 +3,4 @@ def f():"],
      ["same", 3, 3, "same"],
      ["removed", 4, null, "old"],
      ["added", null, 4, "new"],
      ["added", null, 5, "more"],
      ["same", 5, 6, "end"],
    ]);
    expect(two.name).toBe("odd name");
    expect(two.lines.map((l) => l.text)).toContain("new file mode 100644");
  });

  it("that is none stays text", () => {
    expect(readPatch("")).toEqual([]);
    expect(readPatch("hello").flatMap((f) => f.lines).map((l) => l.text)).toEqual(["hello"]);
  });
});

describe("comparing two texts", () => {
  it("rebuilds both from the lines, whatever they are", () => {
    let seed = 7;
    const next = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    for (let turn = 0; turn < 200; turn++) {
      const make = (): string => Array.from({ length: next(12) }, () => "abcd"[next(4)]).join("\n");
      const [a, b] = [make(), make()];
      const lines = compareTexts(a, b) ?? [];
      expect(lines.filter((l) => l.kind !== "added").map((l) => l.text).join("\n")).toBe(a);
      expect(lines.filter((l) => l.kind !== "removed").map((l) => l.text).join("\n")).toBe(b);
      lines.forEach((l) => {
        if (l.before !== null) expect(a.split("\n")[l.before - 1]).toBe(l.text);
        if (l.after !== null) expect(b.split("\n")[l.after - 1]).toBe(l.text);
      });
    }
  });

  it("leaves out what is equal and says how much", () => {
    const a = Array.from({ length: 50 }, (_, i) => `line ${i}`).join("\n");
    const shown = onlyChanges(compareTexts(a, a.replace("line 25", "other")) ?? []);
    expect(shown.map((l) => l.text)).toEqual(["⋯ 22 equal lines", "line 22", "line 23", "line 24", "line 25", "other", "line 26", "line 27", "line 28", "⋯ 21 equal lines"]);
    expect(compareTexts("x\n".repeat(4000), "y\n".repeat(4000))).toBeNull();
  });
});
