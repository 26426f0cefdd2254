/** Law: ticks of wall time stand where the clocks and calendars of the reader say, also when the clocks are changed. */
import { afterAll, describe, expect, it } from "vitest";
import { tickLabels, ticks } from "../src/core/axis";

const ZONE = process.env.TZ;
afterAll(() => void (process.env.TZ = ZONE));

/** The labels of an axis from one local time to another, in a zone. */
function labels(zone: string, from: string, to: string, count = 6): string[] {
  process.env.TZ = zone;
  const [lo, hi] = [from, to].map((text) => new Date(text).getTime() * 1000);
  const at = ticks("time", lo, hi, count);
  for (const [i, us] of at.entries()) {
    expect(us >= lo && us <= hi).toBe(true);
    if (i > 0) expect(us).toBeGreaterThan(at[i - 1]);
  }
  return tickLabels("time", at);
}

describe("ticks of wall time", () => {
  it("of days stand at midnight, before and after the clocks are changed", () => {
    expect(labels("America/New_York", "2026-10-29T12:00", "2026-11-04T12:00")).toEqual(["10-30", "10-31", "11-01", "11-02", "11-03", "11-04"]);
    expect(labels("Europe/Berlin", "2026-03-26T12:00", "2026-04-01T12:00")).toEqual(["03-27", "03-28", "03-29", "03-30", "03-31", "04-01"]);
    // Here the clocks are set forward at midnight, which is left out.
    expect(labels("America/Santiago", "2026-09-04T12:00", "2026-09-08T12:00", 4)).toEqual(["09-05", "09-06", "09-07", "09-08"]);
  });

  it("of hours are even ones on both sides of the change", () => {
    expect(labels("America/New_York", "2026-10-31T20:00", "2026-11-01T11:00")).toEqual(["20:00", "22:00", "11-01", "02:00", "04:00", "06:00", "08:00", "10:00"]);
    expect(labels("Europe/Berlin", "2026-03-29T00:30", "2026-03-29T06:30")).toEqual(["01:00", "03:00", "04:00", "05:00", "06:00"]);
    expect(labels("Europe/Berlin", "2026-03-28T20:30", "2026-03-29T10:30", 7)).toEqual(["22:00", "03-29", "04:00", "06:00", "08:00", "10:00"]);
  });

  it("stand on whole hours and quarters in zones that are off by less", () => {
    expect(labels("Asia/Kathmandu", "2026-05-01T10:10", "2026-05-01T14:10", 4)).toEqual(["11:00", "12:00", "13:00", "14:00"]);
    expect(labels("Asia/Kathmandu", "2026-05-01T10:10", "2026-05-01T11:40", 3)).toEqual(["10:30", "11:00", "11:30"]);
    expect(labels("Asia/Kolkata", "2026-05-01T10:10", "2026-05-04T10:10", 3)).toEqual(["05-02", "05-03", "05-04"]);
  });

  it("of months and years begin with them, and a new year is told", () => {
    expect(labels("UTC", "2025-11-10T00:00", "2026-03-10T00:00", 4)).toEqual(["2025-12", "2026-01", "2026-02", "2026-03"]);
    expect(labels("Pacific/Auckland", "2019-03-10T00:00", "2026-03-10T00:00", 8)).toEqual(["2020", "2021", "2022", "2023", "2024", "2025", "2026"]);
    expect(labels("UTC", "2025-12-29T12:00", "2026-01-02T12:00", 4)).toEqual(["12-30", "12-31", "2026-01-01", "01-02"]);
  });
});
