/** What the runs table needs only when it is asked for. */
import DeleteRuns from "../../parts/table/DeleteRuns.svelte";
import MoveRuns from "../../parts/table/MoveRuns.svelte";
import TagRuns from "../../parts/table/TagRuns.svelte";

/** Dialogs that change some runs. */
export const CHANGES = { tag: TagRuns, move: MoveRuns, delete: DeleteRuns };
export { default as ColumnChooser } from "../../parts/table/ColumnChooser.svelte";
export { default as ExportRuns } from "../../parts/table/ExportRuns.svelte";
export { default as GroupChooser } from "../../parts/table/GroupChooser.svelte";
export { default as ViewMenu } from "../../parts/table/ViewMenu.svelte";
