/** Law: a message decodes to exactly the values that were encoded, and a damaged one is refused with a reason. */
import { describe, expect, it } from "vitest";
import { ColumnsError, decodeColumns, numbers } from "../src/core/columns";
import { encode } from "./message";

const whole = (): ArrayBuffer => encode({ run: "é" }, [["a", "u8", [1, 2, 3]], ["b", "f64", [0.1, NaN, -0]], ["c", "i64", [2 ** 53 - 1, -5]], ["d", "f32", []]]);

describe("decoding columns", () => {
  it("gives back every type and the head", () => {
    const message = decodeColumns<{ run: string }>(whole());
    expect(message.head.run).toBe("é");
    expect([...(numbers(message, "a") ?? [])]).toEqual([1, 2, 3]);
    expect([...(numbers(message, "b") ?? [])]).toEqual([0.1, NaN, -0]);
    expect([...(numbers(message, "c") ?? [])]).toEqual([2 ** 53 - 1, -5]);
    expect(numbers(message, "d")?.length).toBe(0);
    expect(numbers(message, "missing")).toBeUndefined();
  });

  it("looks into the answer and copies nothing", () => {
    const body = whole();
    expect(decodeColumns(body).columns.get("b")?.buffer).toBe(body);
  });

  it("refuses every truncation", () => {
    const body = whole();
    for (let length = 0; length < body.byteLength - 16; length++) {
      expect(() => decodeColumns(body.slice(0, length)), `cut to ${length} bytes`).toThrow(ColumnsError);
    }
  });

  it("refuses another format, an unknown type and a column outside the body", () => {
    expect(() => decodeColumns(new TextEncoder().encode("<!doctype html><html>").buffer as ArrayBuffer)).toThrow(/starts with/);
    const text = (columns: unknown): ArrayBuffer => {
      const body = encode({}, []);
      let json = JSON.stringify({ columns });
      while (json.length % 8) json += " ";
      const out = new Uint8Array(16 + json.length);
      out.set(new Uint8Array(body.slice(0, 8)));
      new DataView(out.buffer).setUint32(8, json.length, true);
      out.set(new TextEncoder().encode(json), 16);
      return out.buffer;
    };
    expect(() => decodeColumns(text([{ name: "a", dtype: "f16", length: 0, offset: 0 }]))).toThrow(/unknown type/);
    expect(() => decodeColumns(text([{ name: "a", dtype: "f32", length: 1, offset: 0 }]))).toThrow(/does not lie inside/);
    expect(() => decodeColumns(text([{ name: "a", dtype: "f32", length: -1, offset: 0 }]))).toThrow(/does not lie inside/);
    expect(() => decodeColumns(text([{ name: "a", dtype: "f32", length: 0, offset: 3 }]))).toThrow(/does not lie inside/);
    expect(() => decodeColumns(text(null))).toThrow(/lists no columns/);
  });
});
