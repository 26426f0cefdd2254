/**
 * Ticks and labels of wall time, in the time zone of the reader. Microseconds since 1970.
 *
 * Promises: hours, days and months stand where the clocks and calendars on the wall say so, also across a change of the
 * clocks; an hour that the clocks leave out has no tick, one that they show twice has its first.
 */
const SECOND = 1e6;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** From so far apart on ticks stand at the beginnings of months. */
const MONTHS_FROM = 28 * DAY;
const MONTH = 30 * DAY;
const MOST = 100;

/** Where wall time stands in ticks `step` apart, which is one of the steps of a clock (axis.ts). */
export function timeTicks(step: number, lo: number, hi: number): number[] {
  const begin = new Date(lo / 1000);
  const [year, month, day] = [begin.getFullYear(), begin.getMonth(), begin.getDate()];
  if (step >= MONTHS_FROM) return monthTicks(Math.max(1, Math.round(step / MONTH)), year, month, lo, hi);
  if (step >= DAY) {
    const days = Math.round(step / DAY);
    const first = Math.floor(Date.UTC(year, month, day) / 864e5);
    const past = first % days;
    return ascending((i) => new Date(year, month, day - past + i * days), lo, hi);
  }
  if (step >= HOUR) {
    const hours = Math.round(step / HOUR);
    return ascending((i) => new Date(year, month, day, i * hours), lo, hi, (date, i) => date.getHours() === (i * hours) % 24);
  }
  // Zones are off by quarters of an hour, never by less.
  const shift = (begin.getTimezoneOffset() % 60) * MINUTE;
  const first = Math.ceil((lo - shift) / step - 1e-9);
  const count = Math.floor((hi - shift) / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, Math.min(MOST, count)) }, (_, i) => (first + i) * step + shift);
}

function monthTicks(months: number, year: number, month: number, lo: number, hi: number): number[] {
  const every = months > 6 ? Math.max(1, Math.round(months / 12)) * 12 : months;
  const number = year * 12 + month;
  return ascending((i) => new Date(1970, number - (number % every) + i * every - 1970 * 12, 1), lo, hi);
}

/** The times that `at` gives from 0 on, those inside [lo, hi] that are as they should be, each later than the one before. */
function ascending(at: (i: number) => Date, lo: number, hi: number, isSo: (date: Date, i: number) => boolean = () => true): number[] {
  const out: number[] = [];
  let before = -Infinity;
  for (let i = 0; out.length < MOST; i++) {
    const date = at(i);
    const us = date.getTime() * 1000;
    if (!(us <= hi)) break;
    if (us <= before || !isSo(date, i)) continue;
    if (us >= lo) out.push(us);
    before = us;
  }
  return out;
}

const pad = (n: number): string => String(n).padStart(2, "0");

/** The labels of ascending ticks: years and days where they begin, times in between. */
export function timeLabels(values: readonly number[]): string[] {
  const step = values.length > 1 ? Math.min(...values.slice(1).map((us, i) => us - values[i])) : DAY;
  let year = values.length > 0 ? new Date(values[0] / 1000).getFullYear() : 0;
  return values.map((us) => {
    const d = new Date(us / 1000);
    const isNew = d.getFullYear() !== year;
    year = d.getFullYear();
    const day = `${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
    // A change of the clocks makes a day shorter than it is.
    if (step >= MONTHS_FROM) return step >= 360 * DAY ? String(year) : `${year}-${pad(d.getMonth() + 1)}`;
    if (isNew) return `${year}-${day}`;
    if (step >= DAY - 2 * HOUR) return day;
    if (d.getHours() === 0 && d.getMinutes() === 0 && d.getSeconds() === 0 && us % SECOND === 0) return day;
    const minutes = `${pad(d.getHours())}:${pad(d.getMinutes())}`;
    if (step >= MINUTE) return minutes;
    const seconds = pad(d.getSeconds());
    return step >= SECOND ? `${minutes}:${seconds}` : `${seconds}.${String(d.getMilliseconds()).padStart(3, "0")}s`;
  });
}
