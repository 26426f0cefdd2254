"""``epochal tail``: a run's console, its metrics or both; ``-f`` goes on until the run ends."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from epochal.api import Points, RunView
from epochal.api.history import exact_history
from epochal.cli.figures import number
from epochal.cli.follow import ConsoleFollower, PointFollower
from epochal.cli.options import Home, Json, RunArgument, Url, run_of
from epochal.cli.terminal import console_text, note, plain_console_text, print_json, stdout
from epochal.domain.run import RunState
from epochal.domain.view import LogLine

LOOK_SECONDS = 0.5


def tail(
    run: RunArgument,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many old lines to begin with.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run ends.")
    ] = False,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metrics", "-m", help="Print these series, as in: loss, 'val/*'."),
    ] = None,
    console: Annotated[
        bool | None,
        typer.Option("--console/--no-console", help="Print the console; default: without -m."),
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only lines that contain this.")] = None,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Print a run's console or metrics; -f follows it live."""
    found = run_of(home, url, run)
    with_console = console if console is not None else not metrics
    console_lines = ConsoleFollower(found, lines, search) if with_console else None
    points = PointFollower(found, metrics) if metrics else None
    _print_until_the_end(found, console_lines, points, lines, follow=follow, json=json)
    if follow and not json:
        note(f"run {found.id} is {found.state}")


def _print_until_the_end(
    found: RunView,
    console_lines: ConsoleFollower | None,
    points: PointFollower | None,
    last: int,
    *,
    follow: bool,
    json: bool,
) -> None:
    first = True
    while True:
        with found.source.session():
            # The state comes first: what is read after the end is all there is.
            ended = not follow or found.refresh().state is not RunState.RUNNING
            new_lines = console_lines.look(ended=ended) if console_lines else []
            new_points = points.look() if points else []
        _print_lines(new_lines, json=json)
        _print_points(new_points, last if first else None, json=json)
        sys.stdout.flush()
        if ended:
            return
        first = False
        time.sleep(LOOK_SECONDS)


def _print_lines(lines: list[LogLine], *, json: bool) -> None:
    if json:
        for line in lines:
            print_json({"kind": "line", **_fields(line)}, indent=0)
    elif sys.stdout.isatty():
        console = stdout()
        for line in lines:
            console.print(console_text(line.text), soft_wrap=True)
    else:
        sys.stdout.writelines(plain_console_text(line.text) + "\n" for line in lines)


def _fields(line: LogLine) -> dict[str, object]:
    return {
        "n": line.n,
        "t_us": line.t_us,
        "stream": line.stream,
        "writer": line.writer,
        "text": line.text,
    }


def _print_points(series: list[Points], last: int | None, *, json: bool) -> None:
    """One line per logged row; at first only the ``last`` of them."""
    if not series:
        return
    rows = list(exact_history(series, "all").rows())
    for row in rows if last is None else rows[len(rows) - min(last, len(rows)) :]:
        step, time_us = row.pop("step"), row.pop("time")
        if json:
            print_json({"kind": "row", "step": step, "t_us": time_us, "values": row}, indent=0)
        else:
            values = "  ".join(f"{key} {number(value)}" for key, value in row.items())
            sys.stdout.write(plain_console_text(f"step {step}  {values}") + "\n")
