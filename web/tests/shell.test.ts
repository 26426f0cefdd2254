/** Law: a shell that reads the line gets the words back. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { shellLine } from "../src/core/shell";

describe("a command line", () => {
  it("is plain where nothing needs quotes", () => {
    expect(shellLine(["python", "-m", "train", "--lr=0.1", "data/x"])).toBe("python -m train --lr=0.1 data/x");
  });

  it("gives a shell the same words", () => {
    const words = ["a b", "it's", "$HOME", "", "*", "new\nline", "\\", '"', "--x=ü"];
    const said = execFileSync("sh", ["-c", `printf '%s\\0' ${shellLine(words)}`]).toString();
    expect(said.split("\0").slice(0, -1)).toEqual(words);
  });
});
