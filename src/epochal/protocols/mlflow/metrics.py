"""The points of metrics: whole histories by page, and samples of several runs for charts."""

from __future__ import annotations

from typing import Any

from epochal.protocols import Caller
from epochal.protocols.mlflow.arguments import Arguments, missing, needed
from epochal.protocols.mlflow.errors import invalid
from epochal.protocols.mlflow.limits import MAX_BULK_POINTS, MAX_BULK_RUNS
from epochal.protocols.mlflow.pages import check_limit, read_token, write_token
from epochal.protocols.mlflow.shapes import milliseconds, number
from epochal.service import tracking
from epochal.service.tracking import History

MOST = 2**31 - 1


async def get_history(call: Caller, given: Arguments) -> dict[str, Any]:
    """A page of a metric's points by time; all of them when no limit is given."""
    key = needed(given, "metric_key")
    uid = given.run_id
    limit = given.optional("max_results")
    if limit is not None:
        check_limit(limit, MOST)
    offset = read_token(given.text("page_token", ""))
    found = await call.ask(
        tracking.read_history, call.workers.recorder, uid, key, offset=offset, limit=limit
    )
    answer: dict[str, Any] = {"metrics": _points(found, key)}
    if limit is not None and found.total > offset + limit:
        answer["next_page_token"] = write_token(offset + limit)
    return answer


async def get_history_bulk(call: Caller, given: Arguments) -> dict[str, Any]:
    """At most ``max_results`` points of each run, evenly chosen, the last one included."""
    uids = given.texts("run_ids")
    if not uids:
        raise missing("run_ids")
    key = needed(given, "metric_key")
    if len(uids) > MAX_BULK_RUNS:
        raise invalid(
            f"GetMetricHistoryBulkInterval request must specify at most {MAX_BULK_RUNS} run_ids. "
            f"Received {len(uids)} run_ids. See the API docs for more information about request "
            f"parameters."
        )
    low, high = given.optional("start_step"), given.optional("end_step")
    if (low is None) != (high is None):
        raise invalid("If either start step or end step are specified, both must be specified.")
    if low is not None and high is not None and low > high:
        raise invalid(f"end_step must be greater than start_step. Found {low} and {high}.")
    limit = given.number("max_results", MAX_BULK_POINTS)
    if not 1 <= limit <= MAX_BULK_POINTS:
        raise invalid(f"max_results must be between 1 and {MAX_BULK_POINTS}, got {limit}")
    metrics: list[dict[str, Any]] = []
    for uid in uids:
        found = await call.ask(tracking.read_history, call.workers.recorder, uid, key)
        rows = sorted(zip(found.step, found.t_us, found.value, strict=True), key=lambda r: r[:2])
        if low is not None and high is not None:
            rows = [row for row in rows if low <= row[0] <= high]
        metrics += [
            {
                "key": key, "value": number(value), "timestamp": milliseconds(t_us),
                "step": step, "run_id": uid,
            }
            for step, t_us, value in sample(rows, limit)
        ]  # fmt: skip
    return {"metrics": metrics}


def sample(rows: list[Any], limit: int) -> list[Any]:
    """The first row of each of ``limit`` equal parts; the last row takes the last place."""
    count = len(rows)
    if count <= limit:
        return rows
    size, larger = divmod(count, limit)
    firsts = [part * size + min(part, larger) for part in range(limit)]
    return [*(rows[index] for index in firsts[:-1]), rows[-1]]


def _points(found: History, key: str) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": number(value), "timestamp": t_us // 1000, "step": step}
        for t_us, step, value in zip(found.t_us, found.step, found.value, strict=True)
    ]
