/** What a table of gridview.ts shows, and whom it asks. */
export interface GridColumn {
  id: string;
  title: string;
  width: number;
  numeric: boolean;
  /** Stays beside the first column; pinned columns stand before all others. */
  pinned?: boolean;
}

/** Where the grid asks for what it shows. */
export interface GridSource {
  /** Builds the first cell of a recycled row once; the returned function fills it for a row. */
  lead(cell: HTMLElement): (row: number) => void;
  text(row: number, column: number): string;
  /** Classes of a row and of a cell, space separated. */
  rowClass(row: number): string;
  /** Whether a row is selected; null for lines that cannot be. */
  selected?(row: number): boolean | null;
  cellClass(row: number, column: number): string;
  /** Fills the head of a column, or says in it what is new. */
  head(cell: HTMLElement, column: number): void;
  /** Fills a cell that shows more than text; false leaves it to `text`. */
  draw?(cell: HTMLElement, row: number, column: number): boolean;
  /** Other rows, or other columns of those that scroll, may be on screen. */
  window(first: number, end: number, columns: readonly [number, number]): void;
}
