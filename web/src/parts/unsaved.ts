import { onMount } from "svelte";

/** Has the browser ask before the page is left or loaded again while something that was typed is not saved. Call it as a component is made. */
export function guardUnsaved(unsaved: () => boolean): void {
  onMount(() => {
    const leaving = (event: BeforeUnloadEvent): void => void (unsaved() && event.preventDefault());
    addEventListener("beforeunload", leaving);
    return () => removeEventListener("beforeunload", leaving);
  });
}
