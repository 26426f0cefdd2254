/** Tells that somebody is about to sort by a column: the pointer or the focus rests on its head, or a button goes down. */

/** Sweeping over heads asks nothing. */
const REST_MS = 60;

/** Listens on the element that holds the heads; returns how to stop. */
export function foreseeSorts(root: HTMLElement, ask: (column: number) => void): () => void {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (event: Event): void => {
    clearTimeout(timer);
    const head = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-act="sort"]')?.closest<HTMLElement>(".grid-headcell") : null;
    if (head) timer = setTimeout(() => ask(Number(head.dataset.column)), event.type === "pointerdown" ? 0 : REST_MS);
  };
  for (const name of ["pointerover", "pointerdown", "focusin"]) root.addEventListener(name, soon, { signal: stop.signal });
  return () => (clearTimeout(timer), stop.abort());
}
