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

/**
 * For a field and the button in whose place it stands, both as `use:`: a key that ends the field leaves the keyboard with the button.
 */
export function tookPlace(): [field: (field: HTMLElement) => void, button: (button: HTMLElement) => void] {
  let byKey = false;
  const heard = (event: KeyboardEvent): void => {
    // In a text of several lines Enter alone begins another.
    byKey = event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.target instanceof HTMLInputElement));
    // Else Enter would press the button as well.
    if (byKey) event.preventDefault();
  };
  return [(field) => field.addEventListener("keydown", heard), (button) => void (byKey && ((byKey = false), button.focus()))];
}
