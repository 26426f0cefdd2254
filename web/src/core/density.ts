/** Tells when the pixel density changes: the browser's zoom, or another screen. */

const listeners = new Set<() => void>();
let query: MediaQueryList | null = null;

function watch(): void {
  query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
  query.addEventListener("change", changed, { once: true });
}

function changed(): void {
  watch();
  for (const listener of listeners) listener();
}

/** Calls `listener` after each change; returns how to stop. */
export function onDensity(listener: () => void): () => void {
  if (!query) watch();
  listeners.add(listener);
  return () => listeners.delete(listener);
}
