export { default as Keys } from "./Keys.svelte";
