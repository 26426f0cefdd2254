/** The notes of a run, wherever they are. Pure. */
import type { RunDetail } from "./wire";

/** The tag in which MLflow's clients keep notes. They became the run's notes later; a run from before has them as a label. */
export const MLFLOW_NOTES = "mlflow.note.content";

export function notesOf(run: Pick<RunDetail, "notes" | "labels">): string {
  return run.notes || run.labels[MLFLOW_NOTES] || "";
}
