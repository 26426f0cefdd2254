/**
 * One animation-frame queue for the whole page: jobs run once per frame, by key, within a budget of 8 ms; what does
 * not fit waits for the next frame. Read jobs come before draw jobs.
 */

const BUDGET_MS = 8;

export class FrameQueue {
  private jobs = new Map<unknown, () => void>();
  private scheduled = false;

  constructor(
    private readonly request: (f: () => void) => void = (f) => requestAnimationFrame(f),
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Runs `job` in the next frame; a later job of the same key replaces the earlier one, keeping its place. */
  add(key: unknown, job: () => void): void {
    this.jobs.set(key, job);
    this.schedule();
  }

  cancel(key: unknown): void {
    this.jobs.delete(key);
  }

  get size(): number {
    return this.jobs.size;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.request(() => this.run());
  }

  private run(): void {
    this.scheduled = false;
    const end = this.now() + BUDGET_MS;
    let done = 0;
    for (const [key, job] of this.jobs) {
      if (done > 0 && this.now() >= end) break;
      this.jobs.delete(key);
      done++;
      try {
        job();
      } catch (error) {
        // One broken chart must not stop the others.
        console.error("a drawing job failed", error);
      }
    }
    if (this.jobs.size > 0) this.schedule();
  }
}

export const frames = new FrameQueue();

const seen = new Map<Element, (visible: boolean) => void>();
let observer: IntersectionObserver | null = null;

/** Tells everything that it is on screen: paper has no scroll. What is not, hears so when it next leaves the screen. */
export function showEverything(): void {
  for (const listener of [...seen.values()]) listener(true);
}

/** Tells `listener` when the element enters or leaves the screen. */
export function watchVisible(element: Element, listener: (visible: boolean) => void): () => void {
  observer ??= new IntersectionObserver(
    (entries) => {
      for (const entry of entries) seen.get(entry.target)?.(entry.isIntersecting);
    },
    { rootMargin: "40px 0px" },
  );
  seen.set(element, listener);
  observer.observe(element);
  return () => {
    seen.delete(element);
    observer?.unobserve(element);
  };
}
