/** What the server judges of parameters (docs/internals/wire.md). Nothing here runs. */

export interface ParameterImportance {
  name: string;
  /** Rise of the squared error without it, as a share of the variance. */
  importance: number;
  /** Its standard error. */
  error: number;
  /** Above what chance gives. */
  certain: boolean;
  /** Spearman's, with a 95 % interval; null for texts. */
  correlation: number | null;
  low: number | null;
  high: number | null;
  runs: number;
}

export interface ImportanceReport {
  runs: number;
  left_out: number;
  explained: number;
  /** The greatest importance in results dealt out at random. */
  floor: number;
  constant: string[];
  parameters: ParameterImportance[];
}
