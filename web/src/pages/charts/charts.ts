/** What charts need beyond curves: panels over runs, the menu of a panel, the dialog that adds one. */
export { pythonOf } from "../../core/charts/python";
export { default as AddPanel } from "../../parts/charts/AddPanel.svelte";
export { default as OtherPanel } from "../../parts/charts/OtherPanel.svelte";
export { default as PanelMenu } from "../../parts/charts/PanelMenu.svelte";
