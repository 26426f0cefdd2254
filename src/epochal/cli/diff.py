"""``epochal diff``: where runs differ. A value that a run lacks shows as nothing."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from epochal.api import RunView
from epochal.cli.figures import literal, number
from epochal.cli.options import Home, Json, Url, complete_run, reader_of
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.domain.values import flatten
from epochal.errors import InvalidInput

_ABSENT = object()


def diff(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Two or more runs.",
            autocompletion=complete_run,
            show_default=False,
        ),
    ],
    everything: Annotated[bool, typer.Option("--all", help="Show equal values too.")] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show how runs differ in config and summary."""
    if len(runs) < 2:
        raise InvalidInput("diff compares two or more runs; name another one")
    reader = reader_of(home, url)
    with reader.source.session():
        found = [reader.run(text) for text in runs]
        config = compare([dict(flatten(run.detail.config)) for run in found], everything)
        summary = compare([run.summary for run in found], everything)
    if json:
        _print_json(found, config, summary)
    else:
        _print_text(found, config, summary)


def compare(sides: list[dict[str, Any]], everything: bool) -> dict[str, list[Any]]:
    """Values of each key, one per side; only the keys that differ, unless all are wanted."""
    keys = dict.fromkeys(key for side in sides for key in side)
    table = {key: [side.get(key, _ABSENT) for side in sides] for key in keys}
    if everything:
        return table
    return {
        key: values
        for key, values in table.items()
        if not all(_same(values[0], value) for value in values[1:])
    }


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return type(a) is type(b) and a == b if isinstance(a, bool) or isinstance(b, bool) else a == b


def _print_json(
    runs: list[RunView], config: dict[str, list[Any]], summary: dict[str, list[Any]]
) -> None:
    parts = {
        name: {
            key: [None if value is _ABSENT else value for value in values]
            for key, values in part.items()
        }
        for name, part in (("config", config), ("summary", summary))
    }
    heads = [{"uid": r.uid, "id": r.id, "project": r.project, "name": r.name} for r in runs]
    print_json({"runs": heads, **parts})


def _print_text(
    runs: list[RunView], config: dict[str, list[Any]], summary: dict[str, list[Any]]
) -> None:
    if not config and not summary:
        note("no difference in config and summary")
        return
    several = len({run.project for run in runs}) > 1
    heads = [Col(f"{run.project}/{run.id}" if several else run.id, right=True) for run in runs]
    for title, part in (("config", config), ("summary", summary)):
        if part:
            rows = [(key, *map(_cell, values)) for key, values in sorted(part.items())]
            print_table([Col(title, most=40), *heads], rows)
            print_line()


def _cell(value: object) -> str:
    if value is _ABSENT:
        return ""
    return number(value) if isinstance(value, float) else literal(value)
