/**
 * The curves of the first chart that the document of a workspace brought along, as an answer to the question for them.
 *
 * Promises: a question that they do not answer as well as the server would is left to the server.
 */
import { columnsOfText, type ColumnMessage } from "./columns";
import type { BucketHead, BucketQuery, FirstCurves } from "./wire";

export type Opening = (query: BucketQuery) => ColumnMessage<BucketHead> | null;

/** What answers the first question; null where nothing was brought along. */
export function openingOf(given: FirstCurves | null): Opening | null {
  if (!given) return null;
  const { head, columns } = columnsOfText<BucketHead>(given.columns);
  const exact = head.series.every((series) => series.exact);
  const known = new Map(head.series.map((series) => [`${series.run} ${series.key}`, series]));
  return ({ series, x, lo, hi, smooth, scale, fields, buckets = 0 }) => {
    const plain = x === "step" && lo === undefined && hi === undefined && smooth === undefined;
    if (!plain || (scale === "log" && !exact) || !(exact || buckets <= given.buckets) || !fields?.every((field) => columns.has(field))) return null;
    const found = series.flatMap((ref) => (ref.formula || ref.runs ? [] : (known.get(`${ref.run} ${ref.key}`) ?? [])));
    return found.length === known.size && found.length === series.length ? { head: { ...head, series: found }, columns } : null;
  };
}
