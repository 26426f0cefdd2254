/** Where the keyboard is when something that was opened over the page goes away. */
import { onDestroy } from "svelte";

/**
 * Gives the focus back to what had it when the component that calls this was made, unless it has gone somewhere of its
 * own, or `given` says that it was given back already.
 */
export function lendFocus(given = () => false): void {
  const from = document.activeElement;
  onDestroy(() =>
    queueMicrotask(() => {
      const now = document.activeElement;
      if (!given() && (now === null || now === document.body) && from instanceof HTMLElement && from.isConnected) from.focus({ preventScroll: true });
    }),
  );
}
