/** Law: the page reads Markdown as `epochal/reports/markdown.py` does; both read tests/reports/markdown.json. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readMarkdown } from "../src/core/objects/markdown";

interface Vector {
  text: string;
  blocks: Record<string, unknown>[];
}
const vectors = JSON.parse(readFileSync(new URL("../../tests/reports/markdown.json", import.meta.url), "utf8")) as Vector[];

/** Without what says nothing, and without places, which only the editor needs. */
function plain(block: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(block).filter(([key, value]) => key !== "lines" && value !== "" && value !== false && !(Array.isArray(value) && value.length === 0)));
}

test.each(vectors)("reads as a report is exported: $text", ({ text, blocks }) => {
  expect(readMarkdown(text).map(plain)).toEqual(blocks.map(plain));
});

test("a block of code knows its lines", () => {
  const text = "a\n\n```panel\npanel: lines:a\n```\nb";
  const code = readMarkdown(text).find((b) => b.kind === "code");
  expect(code?.kind === "code" && text.split("\n").slice(...code.lines)).toEqual(["```panel", "panel: lines:a", "```"]);
});

test("what is long is read in time that grows with its length", () => {
  const long = 200_000;
  expect(readMarkdown(`${"~".repeat(long)}\``)).toHaveLength(1);
  expect(readMarkdown(`# ${"#".repeat(long)} end`)).toHaveLength(1);
  expect(readMarkdown("```\n```\n".repeat(30_000))).toHaveLength(30_000);
});
