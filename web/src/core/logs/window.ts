/**
 * The lines of a run's console, loaded in windows as they are looked at.
 *
 * Promises: memory holds a bounded number of lines, whatever the log's length; a line once loaded never changes;
 * an answer to an older question is dropped.
 */
import type { LogLine, LogPage } from "../wire";

export interface Sieve {
  search?: string;
  stream?: "out" | "err";
}

export type LogFetch = (window: { start?: number; limit?: number; tail?: number } & Sieve) => Promise<LogPage>;

const BLOCK = 500;
const MAX_BLOCKS = 60;

export class LogWindow {
  total = 0;
  loaded = false;
  error: string | null = null;
  private sieve: Sieve = {};
  private blocks = new Map<number, LogLine[]>();
  /** While lines are sifted: the line that each block of matches begins at. The server counts lines, not matches. */
  private starts: number[] = [];
  private readonly loading = new Set<number>();
  private generation = 0;

  constructor(
    private readonly fetch: LogFetch,
    private readonly changed: () => void,
  ) {}

  /** Row `i` (of the matches, while searching); undefined while it is on its way. */
  line(i: number): LogLine | undefined {
    return this.blocks.get(Math.floor(i / BLOCK))?.[i % BLOCK];
  }

  /** Whether only some of the lines are shown. */
  get sifted(): boolean {
    return Boolean(this.sieve.search || this.sieve.stream);
  }

  /** Whether there may be more matches than `total`. */
  get more(): boolean {
    return this.sifted && this.total > 0 && this.total === (this.starts.length - 1) * BLOCK;
  }

  /** The numbers of all lines that are let through, where they are few enough to be here; null while lines are not sifted, or there may be more. */
  matches(): number[] | null {
    const lines = this.blocks.get(0) ?? [];
    return this.sifted && this.loaded && this.error === null && !this.more && this.total === lines.filter(Boolean).length ? lines.slice(0, this.total).map(({ n }) => n) : null;
  }

  /** Opens at the end of the log; while lines are sifted, at the first match. */
  async open(): Promise<void> {
    await (this.sifted ? this.load(0) : this.ask(() => this.fetch({ tail: BLOCK })));
  }

  /** Keeps only lines that contain the text and are of the stream; an empty sieve keeps all. */
  async sift(sieve: Sieve): Promise<void> {
    this.sieve = sieve;
    this.blocks = new Map();
    this.starts = [0];
    this.loading.clear();
    this.generation++;
    this.total = 0;
    this.loaded = false;
    await this.open();
  }

  /** Loads what rows first..end need. */
  need(first: number, end: number): void {
    if (!this.loaded) return;
    for (let b = Math.floor(first / BLOCK); b <= Math.floor(Math.max(first, end - 1) / BLOCK); b++) {
      const rows = Math.min(BLOCK, this.total - b * BLOCK);
      if (rows > 0 && !this.whole(b, rows) && !this.loading.has(b)) void this.load(b);
    }
    const next = this.starts.length - 1;
    if (this.more && end >= this.total && !this.loading.has(next)) void this.load(next);
  }

  /** The log may have grown. */
  async grow(): Promise<void> {
    if (!this.sifted) await this.open();
  }

  private whole(block: number, rows: number): boolean {
    const lines = this.blocks.get(block);
    if (!lines) return false;
    for (let i = 0; i < rows; i++) if (lines[i] === undefined) return false;
    return true;
  }

  private async load(block: number): Promise<void> {
    this.loading.add(block);
    const { sieve } = this;
    if (this.sifted) await this.ask(() => this.fetch({ start: this.starts[block], limit: BLOCK, ...sieve }), block);
    else await this.ask(() => this.fetch({ start: block * BLOCK, limit: BLOCK }));
    this.loading.delete(block);
  }

  /** Takes an answer: `block` of the matches, or the lines of a window when it is left out. */
  private async ask(question: () => Promise<LogPage>, block?: number): Promise<void> {
    const mine = this.generation;
    try {
      const page = await question();
      if (mine !== this.generation) return;
      const first = block === undefined ? page.start : block * BLOCK;
      this.total = block === undefined ? page.total : Math.max(this.total, first + page.lines.length);
      this.loaded = true;
      this.error = null;
      for (const [i, line] of page.lines.entries()) this.put(first + i, line);
      if (block !== undefined) this.noteEnd(block, page.lines);
      this.evict(Math.floor(first / BLOCK));
    } catch (error) {
      if (mine !== this.generation) return;
      this.error = error instanceof Error ? error.message : String(error);
    }
    this.changed();
  }

  /** A full block of matches is followed by another, which may be empty. */
  private noteEnd(block: number, lines: readonly LogLine[]): void {
    if (lines.length === BLOCK) this.starts[block + 1] = lines[BLOCK - 1].n + 1;
    else this.starts.length = Math.max(1, block + (lines.length > 0 ? 1 : 0));
  }

  private put(row: number, line: LogLine): void {
    const block = Math.floor(row / BLOCK);
    const lines = this.blocks.get(block) ?? new Array<LogLine>(BLOCK);
    this.blocks.set(block, lines);
    lines[row % BLOCK] = line;
  }

  private evict(keep: number): void {
    if (this.blocks.size <= MAX_BLOCKS) return;
    const far = [...this.blocks.keys()].sort((a, b) => Math.abs(b - keep) - Math.abs(a - keep));
    for (const block of far.slice(0, this.blocks.size - MAX_BLOCKS)) this.blocks.delete(block);
  }
}

const COPIED = 5000;

/** All lines that a sieve lets through, as plain text, window by window; `told` hears how many lines came so far. */
export async function allText(fetch: LogFetch, sieve: Sieve, plain: (text: string) => string, told: (lines: number) => void): Promise<string[]> {
  const parts: string[] = [];
  let start = 0;
  let lines = 0;
  for (;;) {
    const page = await fetch({ start, limit: COPIED, ...sieve });
    if (page.lines.length === 0) return parts;
    parts.push(`${page.lines.map((line) => plain(line.text)).join("\n")}\n`);
    start = page.lines[page.lines.length - 1].n + 1;
    told((lines += page.lines.length));
    if (page.lines.length < COPIED) return parts;
  }
}

/** The place among ascending numbers from which one goes `by` on; null where there is none. */
export function stepAmong(numbers: readonly number[], from: number | null, by: 1 | -1): number | null {
  if (numbers.length === 0) return null;
  if (from === null) return by > 0 ? 0 : numbers.length - 1;
  if (by > 0) {
    const next = numbers.findIndex((n) => n > from);
    return next < 0 ? 0 : next;
  }
  for (let i = numbers.length - 1; i >= 0; i--) if (numbers[i] < from) return i;
  return numbers.length - 1;
}
