/** The door of the Media tab's chunk. */
export { default as Media } from "./Media.svelte";
