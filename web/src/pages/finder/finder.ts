/** Runs, metrics, pages and actions by name. One chunk, loaded at the first Ctrl K. */
export { default as Finder } from "./Finder.svelte";
