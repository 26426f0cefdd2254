"""``epochal ls``: projects, or the runs of one with any columns."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from epochal.api import Reader
from epochal.api.find import find_project
from epochal.api.question import QueryRuns
from epochal.cli.figures import ago, number, span
from epochal.cli.options import Home, Json, Url, complete_project, reader_of
from epochal.cli.terminal import Col, note, print_json, print_line, print_table, state_style
from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.query import parse_field, parse_order, parse_where
from epochal.domain.view import ProjectRow, RunPage, RunQuery, RunRow

PAGE = 500


def ls(
    project: Annotated[
        str | None,
        typer.Argument(
            help="Project whose runs to list; without it, the projects.",
            autocompletion=complete_project,
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        str,
        typer.Option("--where", "-w", help='Condition, as in: config.lr < 0.01 and "a" in tags.'),
    ] = "",
    order: Annotated[
        list[str] | None,
        typer.Option("--order", "-o", help="Column to sort by, - in front for descending."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="Most runs to list.")] = 50,
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", "-c", help="More columns, as in: config.lr,max(val/acc)."),
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="List archived runs too.")] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List projects, or the runs of one."""
    reader = reader_of(home, url)
    if project is None:
        _list_projects(reader, json)
        return
    asked = [part for text in columns or () for part in split_columns(text)]
    sorting = [part for text in order or ["-created"] for part in split_columns(text)]
    _list_runs(reader, project, where, sorting, asked, limit, archived=archived, json=json)


def _list_runs(
    reader: Reader,
    project: str,
    where: str,
    sorting: list[str],
    asked: list[str],
    limit: int,
    *,
    archived: bool,
    json: bool,
) -> None:
    parse_where(where)
    parse_order(sorting)
    for column in asked:
        parse_field(column)
    entity, name = find_project(reader.source, project)
    query = RunQuery(name, entity, where=where, order=sorting, columns=asked, archived=archived)
    page = read_runs(reader, query, limit)
    if json:
        print_json(page)
    else:
        _print_runs(page, asked)


def split_columns(text: str) -> list[str]:
    """Split at commas that stand outside of parentheses, brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def read_runs(reader: Reader, query: RunQuery, limit: int) -> RunPage:
    """Up to ``limit`` runs as one page, however many pages they take to read."""
    runs: list[RunRow] = []
    columns: dict[str, list[Any]] = {name: [] for name in query.columns}
    cursor: str | None = None
    with reader.source.session():
        while True:
            size = max(1, min(PAGE, limit - len(runs)))
            asked = msgspec.structs.replace(query, limit=size, cursor=cursor)
            page = reader.source.ask(QueryRuns(asked))
            take = min(len(page.runs), limit - len(runs))
            runs += page.runs[:take]
            for name in columns:
                columns[name] += page.columns[name][:take]
            cursor = page.cursor
            if cursor is None or len(runs) >= limit or not page.runs:
                return RunPage(page.total, page.matched, cursor, runs, columns)


def _list_projects(reader: Reader, json: bool) -> None:
    projects = reader.projects()
    if json:
        print_json({"projects": projects})
        return
    if not projects:
        note("no projects yet; log a run, or try `epochal demo`")
        return
    print_table(
        [
            Col("project"),
            Col("runs", right=True),
            Col("running", right=True, rank=2),
            Col("last activity", rank=1),
        ],
        [
            (_full_name(row), str(row.runs), str(row.running or ""), ago(row.updated_us))
            for row in projects
        ],
    )


def _full_name(row: ProjectRow) -> str:
    return row.name if row.entity == DEFAULT_ENTITY else f"{row.entity}/{row.name}"


def _print_runs(page: RunPage, asked: list[str]) -> None:
    if not page.runs:
        note("no runs match" if page.total else "no runs yet")
        return
    columns = [
        Col("id", most=24),
        Col("name", rank=1, most=32),
        Col("state", style=state_style, rank=0),
        Col("created", right=True, rank=2),
        Col("duration", right=True, rank=4),
        Col("step", right=True, rank=3),
        *(Col(name, right=True, most=28) for name in asked),
        Col("tags", rank=5, most=30),
        Col("nan", rank=6, most=24),
    ]
    rows = [
        (*_facts(row), *(number(page.columns[name][index]) for name in asked), *_marks(row))
        for index, row in enumerate(page.runs)
    ]
    print_table(columns, rows)
    if len(page.runs) < page.matched:
        print_line(f"{len(page.runs)} of {page.matched} runs; --limit shows more", "dim")


def _facts(row: RunRow) -> tuple[str, ...]:
    end = row.updated_us if row.ended_us is None else row.ended_us
    return (
        row.id,
        row.name,
        row.state,
        ago(row.created_us),
        span(max(0, end - row.created_us) / 1e6),
        "" if row.last_step is None else str(row.last_step),
    )


def _marks(row: RunRow) -> tuple[str, str]:
    nan = "" if row.nan_key is None else f"{row.nan_key} at {row.nan_step}"
    return ", ".join(row.tags), nan
