/** Law: one x for all charts of a kind, a drag is a range within the plot, a finger never zooms. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { layOut, type Layout } from "../src/core/axes";
import { Cursor, type CursorUser, type Spot } from "../src/core/cursor";

/** As much of an element as a cursor uses. */
class Part {
  className = "";
  hidden = false;
  style: Record<string, string> = {};
  children: Part[] = [];
  parent: Part | null = null;
  listens = new Set<string>();
  addEventListener(name: string): void {
    this.listens.add(name);
  }
  append(child: Part): void {
    this.children.push(child);
    child.parent = this;
  }
  remove(): void {
    if (this.parent) this.parent.children = this.parent.children.filter((c) => c !== this);
  }
  setPointerCapture(): void {}
}

beforeAll(() => vi.stubGlobal("document", { createElement: () => new Part(), addEventListener() {}, removeEventListener() {} }));
afterAll(() => vi.unstubAllGlobals());

class User implements CursorUser {
  spots: (Spot | null)[] = [];
  ranges: [number, number][] = [];
  resets = 0;
  presses = 0;
  pointed(at: Spot | null): void {
    this.spots.push(at);
  }
  pressed(): void {
    this.presses++;
  }
  selected(lo: number, hi: number): void {
    this.ranges.push([lo, hi]);
  }
  reset(): void {
    this.resets++;
  }
}

interface Made {
  cursor: Cursor;
  user: User;
  layout: Layout;
  over: Part;
}

let kinds = 0;

function made(kind: string, x: [number, number] = [0, 1000], width = 400): Made {
  const user = new User();
  const cursor = new Cursor(user);
  const layout = layOut({ width, height: 210 }, x, [0, 1], "number", "number", 1);
  cursor.place(layout, kind);
  return { cursor, user, layout, over: cursor.over as unknown as Part };
}

const kindOf = (): string => `kind ${kinds++}`;

function send({ cursor }: Made, type: string, left: number, more: Partial<PointerEvent> = {}): void {
  cursor.handleEvent({ type, offsetX: left, offsetY: 20, clientX: left + 100, clientY: 120, button: 0, isPrimary: true, pointerId: 1, pointerType: "mouse", currentTarget: cursor.over, ...more } as unknown as Event);
}

const child = ({ over }: Made, name: string): Part | undefined => over.children.find((c) => c.className === name);
const lineAt = (one: Made): number | null => {
  const line = child(one, "chart-line");
  return !line || line.hidden ? null : Number(/-?\d+/.exec(line.style.transform)?.[0]);
};

describe("the cursor", () => {
  it("stands at one x in all charts of a kind, whatever their widths and ranges", () => {
    const kind = kindOf();
    const [one, wide, zoomed, other] = [made(kind), made(kind, [0, 1000], 900), made(kind, [400, 600]), made(kindOf())];
    send(one, "pointermove", one.layout.width / 2);
    expect(lineAt(one)).toBe(Math.round(one.layout.width / 2));
    expect(lineAt(wide)).toBe(Math.round(wide.layout.width / 2));
    expect(lineAt(zoomed)).toBe(Math.round(zoomed.layout.width / 2));
    expect(lineAt(other)).toBe(null);
    send(one, "pointermove", one.layout.width / 8);
    expect(lineAt(zoomed), "an x that is not in view").toBe(null);
    send(one, "pointerleave", -3);
    expect([one, wide, zoomed].map(lineAt)).toEqual([null, null, null]);
    expect(one.user.spots.at(-1)).toBe(null);
    expect(wide.user.spots).toEqual([]);
  });

  it("is shown by a chart that comes later, and goes with the chart that it is in", () => {
    const kind = kindOf();
    const one = made(kind);
    send(one, "pointermove", 100);
    const late = made(kind);
    expect(lineAt(late)).toBe(100);
    one.cursor.destroy();
    expect(lineAt(late)).toBe(null);
  });

  it("stays under the pointer when its chart shows another range", () => {
    const kind = kindOf();
    const [one, peer] = [made(kind), made(kind)];
    send(one, "pointermove", 100);
    one.cursor.place(layOut({ width: 400, height: 210 }, [0, 500], [0, 1], "number", "number", 1), kind);
    expect(lineAt(one)).toBe(100);
    expect(lineAt(peer)).toBe(50);
  });

  it("stays at its step while its chart goes on, in all charts", () => {
    const kind = kindOf();
    const [one, peer] = [made(kind), made(kind)];
    send(one, "pointermove", 100);
    const { width } = one.layout;
    one.cursor.place(layOut({ width: 400, height: 210 }, [0, 2000], [0, 1], "number", "number", 1), kind, true);
    expect(one.cursor.spot?.left).toBeCloseTo(50, 6);
    expect(one.cursor.spot?.clientX).toBe(200);
    expect([one, peer].map(lineAt)).toEqual([50, 100]);
    expect(width).toBeGreaterThan(100);
  });

  it("follows a chart to another kind of x", () => {
    const [before, after] = [kindOf(), kindOf()];
    const [one, old, fresh] = [made(before), made(before), made(after)];
    one.cursor.place(one.layout, after);
    send(one, "pointermove", 100);
    expect([old, fresh].map(lineAt)).toEqual([null, 100]);
  });

  it("moves by keys as by the pointer", () => {
    const kind = kindOf();
    const [one, peer] = [made(kind), made(kind)];
    send(one, "pointermove", 100);
    one.cursor.moveTo(130);
    expect([one, peer].map(lineAt)).toEqual([130, 130]);
    expect(one.cursor.spot).toMatchObject({ left: 130, clientX: 230 });
  });
});

describe("a drag", () => {
  it("is shown in all charts while it lasts, and is told once, by the chart it was in", () => {
    const kind = kindOf();
    const [one, peer] = [made(kind), made(kind, [0, 2000])];
    const { width } = one.layout;
    send(one, "pointermove", width / 4);
    const pointed = one.user.spots.length;
    send(one, "pointerdown", width / 4);
    send(one, "pointermove", width / 2);
    expect(child(one, "chart-span")?.style).toMatchObject({ left: `${width / 4}px`, width: `${width / 4}px` });
    expect(Number.parseFloat(child(peer, "chart-span")?.style.width ?? "")).toBeCloseTo(width / 8);
    expect(one.user.spots.length, "no tooltip while dragging").toBe(pointed);
    send(one, "pointerup", width / 2);
    expect(one.user.ranges).toHaveLength(1);
    expect(one.user.ranges[0][0]).toBeCloseTo(250);
    expect(one.user.ranges[0][1]).toBeCloseTo(500);
    expect(peer.user.ranges).toEqual([]);
    expect([one, peer].map((c) => child(c, "chart-span"))).toEqual([undefined, undefined]);
  });

  it("goes to the edge when the pointer is let go outside, and works backwards", () => {
    const one = made(kindOf());
    send(one, "pointerdown", one.layout.width / 2);
    send(one, "pointermove", -80);
    send(one, "pointerup", -80);
    expect(one.user.ranges).toEqual([[0, 500]]);
  });

  it.each([
    ["a click", { by: 2 }, {}],
    ["another button", { by: 90 }, { button: 2 }],
    ["a finger", { by: 90 }, { pointerType: "touch" }],
  ])("is not made by %s", (_name, { by }, more) => {
    const one = made(kindOf());
    send(one, "pointerdown", 50, more);
    send(one, "pointermove", 50 + by, more);
    send(one, "pointerup", 50 + by, more);
    expect(one.user.ranges).toEqual([]);
    expect(child(one, "chart-span")).toBe(undefined);
  });

  it("ends without a zoom when the system takes the pointer away, or the chart goes", () => {
    const kind = kindOf();
    const [one, peer] = [made(kind), made(kind)];
    send(one, "pointerdown", 50);
    send(one, "pointermove", 150);
    send(one, "pointercancel", 150);
    send(one, "pointerup", 150);
    send(one, "pointerdown", 50);
    send(one, "pointermove", 150);
    one.cursor.destroy();
    expect(one.user.ranges).toEqual([]);
    expect(child(peer, "chart-span")).toBe(undefined);
  });

  it("is undone by a double click", () => {
    const one = made(kindOf());
    send(one, "dblclick", 50);
    expect(one.user.resets).toBe(1);
  });
});

describe("a finger", () => {
  it("leaves the cursor where it was lifted, until something else is touched", () => {
    const one = made(kindOf());
    send(one, "pointerdown", 60, { pointerType: "touch" });
    send(one, "pointermove", 120, { pointerType: "touch" });
    send(one, "pointerup", 120, { pointerType: "touch" });
    send(one, "pointerleave", 120, { pointerType: "touch" });
    expect(lineAt(one)).toBe(120);
    expect(one.user.spots.at(-1)).toMatchObject({ left: 120 });
    send(one, "pointerdown", 0, { pointerType: "touch", currentTarget: {} as EventTarget });
    expect(lineAt(one)).toBe(null);
    expect(one.user.spots.at(-1)).toBe(null);
  });
});
