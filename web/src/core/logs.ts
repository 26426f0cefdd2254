/**
 * The lines of a run's console, loaded in windows as they are looked at.
 *
 * Promises: memory holds a bounded number of lines, whatever the log's length; a line once loaded never changes;
 * an answer to an older question is dropped.
 */
import type { LogLine, LogPage } from "./wire";

export type LogFetch = (window: { start?: number; limit?: number; tail?: number; search?: string }) => Promise<LogPage>;

const BLOCK = 500;
const MAX_BLOCKS = 60;

export class LogWindow {
  total = 0;
  loaded = false;
  error: string | null = null;
  search = "";
  private blocks = new Map<number, LogLine[]>();
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

  /** Opens at the end of the log. */
  async open(): Promise<void> {
    await this.ask(async () => (this.search ? this.fetch({ start: 0, limit: BLOCK, search: this.search }) : this.fetch({ tail: BLOCK })));
  }

  /** Keeps only lines that contain the text; empty for all lines. */
  async find(text: string): Promise<void> {
    this.search = text;
    this.blocks = new Map();
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
  }

  /** The log may have grown. */
  async grow(): Promise<void> {
    if (this.search === "") await this.open();
  }

  private whole(block: number, rows: number): boolean {
    const lines = this.blocks.get(block);
    if (!lines) return false;
    for (let i = 0; i < rows; i++) if (lines[i] === undefined) return false;
    return true;
  }

  private async load(block: number): Promise<void> {
    this.loading.add(block);
    const window = { start: block * BLOCK, limit: BLOCK, ...(this.search ? { search: this.search } : {}) };
    await this.ask(() => this.fetch(window));
    this.loading.delete(block);
  }

  private async ask(question: () => Promise<LogPage>): Promise<void> {
    const mine = this.generation;
    try {
      const page = await question();
      if (mine !== this.generation) return;
      this.total = page.total;
      this.loaded = true;
      this.error = null;
      for (const [i, line] of page.lines.entries()) this.put(page.start + i, line);
      this.evict(Math.floor(page.start / BLOCK));
    } catch (error) {
      if (mine !== this.generation) return;
      this.error = error instanceof Error ? error.message : String(error);
    }
    this.changed();
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
