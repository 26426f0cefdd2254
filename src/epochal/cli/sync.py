"""``epochal sync``: sends a server what it does not hold yet; without one, takes journals in.

Doing it twice, or beside a living run, is harmless: journals are sent by their offsets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from epochal.cli.options import Json
from epochal.cli.terminal import note, print_json, print_line, stderr
from epochal.client.replicate import Progressed, sync_journals
from epochal.errors import NotFound
from epochal.journal.home import LOCAL_NAME, RUNS, find_home
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store


def sync(
    directory: Annotated[
        Path | None,
        typer.Argument(help="Home, or a directory that holds .epochal.", show_default="the home"),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Server to send to; default: EPOCHAL_URL.")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="Key for the server; default: EPOCHAL_API_KEY.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="The same as DIRECTORY.")] = None,
    json: Json = False,
) -> None:
    """Send a server every run that it does not have in full; without --url, take journals in."""
    where = _home_of(directory or home)
    address = url or os.environ.get("EPOCHAL_URL")
    problems = (
        _send(where, address, api_key or os.environ.get("EPOCHAL_API_KEY"), json=json)
        if address
        else _take_in(where, json=json)
    )
    if problems:
        raise typer.Exit(6 if address else 1)


def _home_of(directory: Path | None) -> Path:
    home = find_home(directory)
    if (home / LOCAL_NAME / RUNS).is_dir():
        home = home / LOCAL_NAME
    if not (home / RUNS).is_dir():
        raise NotFound(f"{home} is no Epochal home; name the directory that holds runs/")
    return home


def _send(home: Path, url: str, api_key: str | None, *, json: bool) -> list[str]:
    with _progress() as progress:
        tasks: dict[str, TaskID] = {}

        def advance(state: Progressed) -> None:
            if state.path not in tasks:
                tasks[state.path] = progress.add_task(
                    Path(state.path).stem[:12], total=state.total
                )
            progress.update(tasks[state.path], completed=state.sent, total=state.total)

        report = sync_journals(home, url, api_key, advance)
    if json:
        print_json({"home": str(home), "url": url, **msgspec.structs.asdict(report)})
        return report.problems
    for problem in report.problems:
        note(problem)
    whole = f"{report.complete} of {report.journals} journals"
    print_line(f"{url} has {whole} in full; {report.sent_bytes:,} bytes were sent")
    return report.problems


def _take_in(home: Path, *, json: bool) -> list[str]:
    with _progress() as progress, open_store(home) as store:
        task = progress.add_task("journals", total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        report = ingest_home(store, progress=advance)
    problems = [f"{problem.path}: {problem.text}" for problem in report.problems]
    if json:
        found = {"journals": report.journals, "runs": len(report.runs), "problems": problems}
        print_json({"home": str(home), "url": None, **found})
        return problems
    for problem in problems:
        note(problem)
    print_line(f"took in {report.journals} journals of {home}; name a server with --url to send")
    return problems


def _progress() -> Progress:
    console = stderr()
    parts = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    return Progress(*parts, console=console, transient=True, disable=not console.is_terminal)
