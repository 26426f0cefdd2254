"""What rules of alerts find in the index: a few bounded queries, whatever a project holds.

Only runs that went on since the rule was made count, and only what it has not found before. What a
run that still logs crossed earlier is found, too: least and greatest values carry no time.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from epochal.domain.alert import Level, Occasion, Rule, When, minutes_text
from epochal.domain.run import RunState
from epochal.store.lastwords import NEWEST_POINT
from epochal.store.moved import only_moved
from epochal.store.schema import Text, event, key, latest, project, run
from epochal.store.schema_alerts import delivery

AT_ONCE: Final = 50
"""Occasions that a rule takes in one look; what is left comes with the next."""
_LEVELS: Final[dict[Level, tuple[str, ...]]] = {
    "info": ("info", "warning", "error"),
    "warning": ("warning", "error"),
    "error": ("error",),
}
_MINUTE_US: Final = 60_000_000


def find_occasions(
    connection: sa.Connection, rule: Rule, place: tuple[str, str], now_us: int
) -> list[Occasion]:
    """What a rule finds now.

    Args:
        connection: a reading one.
        rule: what to look for.
        place: entity and project.
        now_us: microseconds since 1970.
    """
    finder = {
        When.FAILED: _failed, When.STALLED: _stalled, When.NAN: _nan,
        When.THRESHOLD: _threshold, When.ALERT: _told,
    }[rule.when]  # fmt: skip
    return finder(connection, rule, place, now_us)


def _runs(rule: Rule, place: tuple[str, str], mark: Any, *more: Any) -> sa.Select[Any]:
    """Runs of the project about which the rule has not told this mark yet.

    What happened to a run before it was moved here was told there.
    """
    told = sa.exists().where(
        delivery.c.rule == rule.id, delivery.c.uid == run.c.uid, delivery.c.mark == mark
    )
    return (
        sa.select(run.c.uid, run.c.name_id, run.c.name, run.c.state, *more)
        .join(project, project.c.id == run.c.project_id)
        .where(project.c.entity == place[0], project.c.name == place[1], ~told, ~only_moved())
        .limit(AT_ONCE)
    )


def _found(row: Any, mark: str, title: str, text: str) -> Occasion:
    return Occasion(row.uid, row.name_id, row.name, mark, title, text)


def _failed(
    connection: sa.Connection, rule: Rule, place: tuple[str, str], now_us: int
) -> list[Occasion]:
    del now_us
    mark = sa.cast(run.c.ended_us, Text)
    query = _runs(rule, place, mark, run.c.exit_code, run.c.ended_us, run.c.last_step).where(
        run.c.state.in_([RunState.FAILED.value, RunState.CRASHED.value]),
        run.c.ended_us >= rule.created_us,
    )
    found = []
    for row in connection.execute(query):
        code = f" with exit code {row.exit_code}" if row.exit_code is not None else ""
        step = f" at step {row.last_step:,}" if row.last_step is not None else ""
        title = f"{row.name} {row.state}"
        found.append(_found(row, str(row.ended_us), title, f"The run {row.state}{code}{step}."))
    return found


def _stalled(
    connection: sa.Connection, rule: Rule, place: tuple[str, str], now_us: int
) -> list[Occasion]:
    since = sa.func.coalesce(NEWEST_POINT, run.c.created_us)
    query = _runs(rule, place, sa.cast(since, Text), since.label("since"), run.c.last_step).where(
        run.c.state == RunState.RUNNING.value,
        since < now_us - int(rule.minutes * _MINUTE_US),
        run.c.updated_us >= rule.created_us,
    )
    found = []
    for row in connection.execute(query):
        minutes = minutes_text(round((now_us - row.since) / _MINUTE_US))
        step = f" after step {row.last_step:,}" if row.last_step is not None else ""
        text = f"The run is running and has logged no point for {minutes}{step}."
        found.append(_found(row, str(row.since), f"{row.name} stalled", text))
    return found


def _nan(
    connection: sa.Connection, rule: Rule, place: tuple[str, str], now_us: int
) -> list[Occasion]:
    del now_us
    query = _runs(rule, place, "", run.c.nan_key, run.c.nan_step).where(
        run.c.nan_key.is_not(None), run.c.updated_us >= rule.created_us
    )
    return [
        _found(row, "", f"{row.name}: NaN", f"{row.nan_key} is NaN from step {row.nan_step:,}.")
        for row in connection.execute(query)
    ]


def _threshold(
    connection: sa.Connection, rule: Rule, place: tuple[str, str], now_us: int
) -> list[Occasion]:
    """By the least and greatest value of the series: no crossing between two looks is missed."""
    del now_us
    crossed = []
    if rule.above is not None:
        crossed.append(latest.c.max > rule.above)
    if rule.below is not None:
        crossed.append(latest.c.min < rule.below)
    query = (
        _runs(rule, place, "", latest.c.min, latest.c.max, latest.c.last_step)
        .join(latest, latest.c.run_id == run.c.id)
        .join(key, key.c.id == latest.c.key_id)
        .where(key.c.name == rule.key, latest.c.last_us >= rule.created_us, sa.or_(*crossed))
    )
    found = []
    for row in connection.execute(query):
        above = rule.above is not None and row.max is not None and row.max > rule.above
        value, word, bound = (
            (row.max, "above", rule.above) if above else (row.min, "below", rule.below)
        )
        text = f"{rule.key} was {value:.6g}, {word} {bound:g}, by step {row.last_step:,}."
        found.append(_found(row, "", f"{row.name}: {rule.key} {word} {bound:g}", text))
    return found


def _told(
    connection: sa.Connection, rule: Rule, place: tuple[str, str], now_us: int
) -> list[Occasion]:
    del now_us
    query = (
        _runs(rule, place, sa.cast(event.c.id, Text), event.c.id, event.c.title, event.c.text)
        .join(event, event.c.run_id == run.c.id)
        .where(event.c.t_us >= rule.created_us, event.c.level.in_(_LEVELS[rule.level]))
        .order_by(event.c.id)
    )
    return [
        _found(row, str(row.id), f"{row.name}: {row.title}", row.text)
        for row in connection.execute(query)
    ]
