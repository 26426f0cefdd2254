/** The door of the Gradients tab's chunk. */
export { default as Gradients } from "./Gradients.svelte";
