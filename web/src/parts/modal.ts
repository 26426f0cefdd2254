/** The browser's own dialogs: over the page, with the keyboard inside, and gone at once. */

/**
 * Opens a dialog that Escape, a click beside it or the browser itself ends; also as `use:openModal={left}`. `left` is told so once,
 * and before the next key is heard: the browser's event `close` comes later than that, and would end whatever was opened by that key.
 */
export function openModal(dialog: HTMLDialogElement, left: () => void): void {
  let over = false;
  const leave = (): void => {
    if (over) return;
    over = true;
    dialog.close();
    left();
  };
  // A field for files inside of it has an event of this name, too.
  dialog.addEventListener("cancel", (event) => event.target === dialog && (event.preventDefault(), leave()));
  dialog.addEventListener("click", (event) => event.target === dialog && leave());
  dialog.addEventListener("close", leave);
  dialog.showModal();
}
