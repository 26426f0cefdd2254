/** Law: the form says what the server said, waits as long as the server asks, and marks the key only when the key was wrong. */
import { describe, expect, it } from "vitest";
import { refusalOf } from "../src/core/attempt";
import { ApiError } from "../src/core/api";

describe("a failed login", () => {
  it("with a wrong key marks the key and does not wait", () => {
    const refusal = refusalOf(new ApiError("unauthenticated", "this is no valid key", 401));
    expect(refusal).toEqual({ text: "This is no valid key", wait: 0, key: true });
  });

  it("after too many attempts waits as long as the server asks", () => {
    const refusal = refusalOf(new ApiError("too_many_requests", "too many failed attempts", 429, null, 17));
    expect(refusal).toEqual({ text: "Too many failed attempts", wait: 17, key: false });
  });

  it("waits a minute when the server asks for a pause but does not say how long", () => {
    expect(refusalOf(new ApiError("too_many_requests", "slower", 429)).wait).toBe(60);
  });

  it("does not wait for a busy server: whoever wants to may try again", () => {
    const refusal = refusalOf(new ApiError("unavailable", "the server is busy", 503, null, 2));
    expect(refusal).toEqual({ text: "The server is busy", wait: 0, key: false });
  });

  it("without a cookie blames the browser, not the key", () => {
    expect(refusalOf(new ApiError("no_cookie", "The key is right", 401)).key).toBe(false);
  });

  it("for an unforeseen reason says that reason", () => {
    expect(refusalOf(new TypeError("x is no function"))).toEqual({ text: "TypeError: x is no function", wait: 0, key: false });
  });
});
