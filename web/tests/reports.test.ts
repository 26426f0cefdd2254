/** Law: panels become lines of a report and back; changing one line or panel leaves all else as it is. */
import { expect, test, vi } from "vitest";
import { markdownOf } from "../src/core/compare/markdown";
import { readMarkdown } from "../src/core/objects/markdown";
import { fenced, insertAt, readBlock, replacePanel, withLine } from "../src/core/reports/block";
import { draftKey, dropDraft, keepDraft, recallDraft } from "../src/core/reports/draft";
import { linesHere } from "../src/core/reporting";
import { parseRoute, reportsPath } from "../src/core/route";
import { defaultView, parseView } from "../src/core/url";

const at = (path: string, query = "", rest = {}) => ({ route: parseRoute(path), view: parseView(query), rest });

test("a panel says of which runs it is, as the page has them", () => {
  expect(linesHere("loss", "step", at("/p/a"))).toBe("panel: lines:loss");
  expect(linesHere("loss", "relative", at("/p/a", "?q=config.lr+%3C+1&x=rel&z=0,50&sm=ema:0.6&yl=loss"))).toBe(
    "panel: lines:loss\nwhere: config.lr < 1\nx: rel\nrange: 0,50\nsmooth: ema:0.6\nlog: y",
  );
  expect(linesHere("scatter:config.lr;last(loss);", "step", at("/p/a", "?sel=r1,r%252C2&q=x"))).toBe("panel: scatter:config.lr;last(loss);\nruns: r1, r%2C2");
  expect(linesHere("loss", "step", at("/p/a/compare", "", { r: "r1,r2" }))).toBe("panel: lines:loss\nruns: r1, r2");
  expect(linesHere("heat:w", "relative", at("/p/a", "?x=rel&z=0,50&sm=ema:0.6&yl=heat%3Aw"))).toBe("panel: heat:w");
  expect(linesHere("importance:loss", "step", at("/p/a", "?sel=r1&q=x"))).toBe("panel: importance:loss\nwhere: x");
  expect(linesHere("system/gpu", "relative", at("/p/a/r/r1/system", "?z=1,2"))).toBe("panel: lines:system/gpu\nruns: r1\nx: rel");
});

test("a block is read as far as it can be", () => {
  const block = readBlock("panel: lines:a|b\nwhat\nx: m:epoch\nrange: 1,5\nlog: xy\nsmooth: ema:0.5\nfrozen: 00ff");
  expect(block).toMatchObject({ spec: { kind: "lines", pattern: "a|b" }, x: { metric: "epoch" }, range: [1, 5], logX: true, logY: true, smooth: 0.5, frozen: "00ff" });
  expect(readBlock("")).toMatchObject({ spec: null, x: "step", range: null, smooth: 0, frozen: "" });
});

test("lines of a block are read in time that grows with their length", () => {
  expect(readBlock(`title:  two  words \r\npanel: lines:${" ".repeat(200_000)}x`)).toMatchObject({ title: "two  words" });
});

test("a draft is kept by the tab until it is dropped, and nothing else is taken for one", () => {
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value), removeItem: (key: string) => kept.delete(key) });
  const key = draftKey("local", "a", "r");
  const draft = { revision: 3, title: "T", text: "mine" };
  keepDraft(key, draft);
  expect(recallDraft(key)).toEqual(draft);
  expect(recallDraft(draftKey("local", "a", "other"))).toBeNull();
  for (const no of ["{", "null", "[]", '{"revision":"3","title":"T","text":"x"}']) {
    kept.set(key, no);
    expect(recallDraft(key)).toBeNull();
  }
  keepDraft(key, draft);
  dropDraft(key);
  expect(recallDraft(key)).toBeNull();
  vi.unstubAllGlobals();
  expect(() => (keepDraft(key, draft), dropDraft(key))).not.toThrow();
});

test("one line is set, replaced and taken away", () => {
  const text = "panel: lines:a\nlog: y";
  const frozen = withLine(text, "frozen", "00");
  expect(frozen).toBe(`${text}\nfrozen: 00`);
  expect(withLine(frozen, "frozen", "11")).toBe(`${text}\nfrozen: 11`);
  expect(withLine(frozen, "frozen", "")).toBe(text);
});

test("the n-th panel gets other lines, and code that only looks like one stays", () => {
  const text = `a\n\n~~~\n\`\`\`panel\npanel: lines:no\n\`\`\`\n~~~\n\n${fenced("panel: lines:x")}\n\nb\n\n${fenced("panel: lines:y")}\n`;
  const changed = replacePanel(text, 1, "panel: lines:y", "panel: lines:z\nlog: y");
  expect(changed).toBe(text.replace("panel: lines:y", "panel: lines:z\nlog: y"));
  expect(() => replacePanel(text, 2, "panel: lines:y", "x")).toThrow(/meanwhile/);
  // Another panel was typed above while this one was frozen.
  expect(() => replacePanel(`${fenced("panel: lines:new")}\n\n${text}`, 1, "panel: lines:y", "x")).toThrow(/meanwhile/);
});

test("what is inserted is a block of its own wherever it is put", () => {
  for (const place of [0, 1, 3, 5]) {
    const { text, end } = insertAt("ab\ncd", place, fenced("panel: lines:x"));
    expect(readMarkdown(text).filter((b) => b.kind === "code")).toHaveLength(1);
    expect(text.slice(0, end).trimEnd().endsWith("```")).toBe(true);
  }
});

test("compared runs become a table whatever their values hold", () => {
  const cells = [{ text: "a|b\nc", there: true }, { text: "", there: true }];
  const text = markdownOf(["one", "t|wo"], [{ section: "config", key: "lr", cells, differs: true, goal: null }]);
  const [table] = readMarkdown(text);
  expect(table.kind === "table" && table.rows.map((row) => row.map((cell) => cell.map((s) => s.text).join("")))).toEqual([["key", "one", "t¦wo"], ["config.lr", "a¦b c", ""]]);
});

test("reports have addresses", () => {
  expect(parseRoute(reportsPath("local", "a/b"))).toEqual({ page: "reports", entity: "local", project: "a/b" });
  expect(parseRoute(reportsPath("me", "a", "which-rate"))).toEqual({ page: "report", entity: "me", project: "a", name: "which-rate" });
  expect(parseRoute("/p/a/reports/x/y").page).toBe("missing");
  expect(defaultView().add).toEqual([]);
});
