/** The points of a frozen panel, given to charts in place of the server's answers. */
import { columnsOfText, type ColumnMessage } from "../columns";
import type { BucketHead, BucketQuery } from "../wire";

/** Answers questions for series from the points that a panel kept; whatever is asked, they are all there is. */
export function frozenAnswers(columns: string): (query: BucketQuery) => Promise<ColumnMessage<BucketHead>> {
  const { head, columns: found } = columnsOfText<BucketHead>(columns);
  const known = new Map(head.series.map((series) => [`${series.run} ${series.key}`, series]));
  return (query) => {
    const series = query.series.map((ref) => {
      const key = ref.formula ?? ref.key ?? "";
      return known.get(`${ref.run} ${key}`) ?? { run: ref.run ?? "", key, start: 0, count: 0, points: 0, n_nan: 0, exact: true };
    });
    return Promise.resolve({ head: { ...head, series }, columns: found });
  };
}
