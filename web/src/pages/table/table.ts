/** What the runs table needs only when it is asked for. */
export { default as DeleteRuns } from "../../parts/table/DeleteRuns.svelte";
export { default as ExportRuns } from "../../parts/table/ExportRuns.svelte";
export { default as GroupChooser } from "../../parts/table/GroupChooser.svelte";
export { default as TagRuns } from "../../parts/table/TagRuns.svelte";
export { default as ViewMenu } from "../../parts/table/ViewMenu.svelte";
