/** Law: run colours can be told apart by everyone and seen on their background; text keeps 4.5:1; 32 looks before one repeats. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DASHES, lookOf, RUN_COLORS } from "../src/core/palette";
import { contrast, distance, VISIONS } from "./color";

const css = readFileSync(new URL("../src/styles/tokens.css", import.meta.url), "utf8");

function tokens(theme: "light" | "dark"): Record<string, string> {
  const block = theme === "light" ? /:root \{([^}]*)\}/ : /:root\[data-theme="dark"\] \{([^}]*)\}/;
  const body = block.exec(css)?.[1] ?? "";
  return Object.fromEntries([...body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1], m[2]]));
}

describe.each(["light", "dark"] as const)("the %s theme", (theme) => {
  const t = tokens(theme);

  it.each(Object.keys(VISIONS))("keeps run colours apart under %s vision", (vision) => {
    const colors = RUN_COLORS[theme];
    for (let i = 0; i < colors.length; i++) {
      for (let k = 0; k < i; k++) expect(distance(colors[i], colors[k], vision), `${colors[i]} and ${colors[k]}`).toBeGreaterThanOrEqual(9.5);
    }
  });

  it("shows every run colour at 3:1 or better", () => {
    for (const color of RUN_COLORS[theme]) expect(contrast(color, t.bg), color).toBeGreaterThanOrEqual(3);
  });

  it("keeps text at 4.5:1 on every surface it stands on", () => {
    for (const ink of ["text", "muted", "accent", "ok", "warn", "fail"]) {
      for (const surface of ["bg", "panel", "hover"]) expect(contrast(t[ink], t[surface]), `${ink} on ${surface}`).toBeGreaterThanOrEqual(4.5);
    }
    for (const [ink, surface] of [["fail", "fail-tint"], ["warn", "warn-tint"], ["accent", "selected"], ["text", "selected"], ["muted", "selected"], ["text", "fail-tint"], ["on-accent", "accent"]]) {
      expect(contrast(t[ink], t[surface]), `${ink} on ${surface}`).toBeGreaterThanOrEqual(4.5);
    }
    for (let n = 0; n < 16; n++) expect(contrast(t[`ansi-${n}`], t.bg), `ansi ${n}`).toBeGreaterThanOrEqual(4.5);
  });
});

describe("the two ways into the dark theme", () => {
  it("have the same tokens", () => {
    const system = /:root:not\(\[data-theme="light"\]\) \{([^}]*)\}/.exec(css)?.[1].replace(/\s+/g, " ");
    const chosen = /:root\[data-theme="dark"\] \{([^}]*)\}/.exec(css)?.[1].replace(/\s+/g, " ");
    expect(system).toBe(chosen);
  });
});

describe("a run's look", () => {
  it("depends on its number alone and repeats after 32", () => {
    const looks = Array.from({ length: 32 }, (_, i) => JSON.stringify(lookOf(i, "light")));
    expect(new Set(looks).size).toBe(32);
    expect(JSON.stringify(lookOf(32, "light"))).toBe(looks[0]);
    expect(lookOf(9, "dark")).toEqual({ color: RUN_COLORS.dark[1], dash: DASHES[1] });
  });
});
