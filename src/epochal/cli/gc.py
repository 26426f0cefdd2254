"""``epochal gc``: frees what nothing refers to; shows it first, and asks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from epochal.api.reading import CACHE
from epochal.cli.asking import DryRun, Yes, ask
from epochal.cli.figures import size
from epochal.cli.options import Home, Json, Url, reader_of
from epochal.cli.terminal import note, print_json, print_line
from epochal.domain.objects import CollectReport
from epochal.errors import InvalidInput
from epochal.journal.home import find_home


def gc(
    yes: Yes = False,
    dry_run: DryRun = False,
    cache: Annotated[
        bool, typer.Option("--cache", help="Also empty this home's cache of downloads.")
    ] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Remove blobs that nothing refers to and versions whose time is over, after asking."""
    if cache and url:
        raise InvalidInput("--cache is about a home's own files; leave --url out")
    reader = reader_of(home, url)
    place = find_home(home) / CACHE
    cached = _size_below(place) if cache else 0
    found = reader.collect(dry_run=True)
    if not json:
        _print(found, cached)
    nothing = not (found.blobs or found.versions or found.leftovers or cached)
    if dry_run or nothing:
        _tell(found, cached, json=json, nothing=nothing)
        return
    if not yes:
        ask("Remove this for good?")
    done = reader.collect(dry_run=False)
    if cache:
        shutil.rmtree(place, ignore_errors=True)
    _tell(done, cached, json=json, nothing=False)


def _print(found: CollectReport, cached: int) -> None:
    print_line(f"{found.blobs:,} blobs that nothing refers to: {size(found.blob_bytes)}")
    print_line(f"{len(found.versions):,} expired versions: {size(found.version_bytes)}")
    for path in found.versions:
        print_line(f"  {path}")
    print_line(f"{found.leftovers:,} unfinished uploads: {size(found.leftover_bytes)}")
    if cached:
        print_line(f"cache of downloads: {size(cached)}")
    if found.kept_bytes:
        note(f"{size(found.kept_bytes)} of unused blobs are younger than a day and stay")
    for problem in found.problems:
        note(problem)


def _tell(report: CollectReport, cached: int, *, json: bool, nothing: bool) -> None:
    if json:
        print_json({"report": report, "cache_bytes": cached})
    elif nothing:
        note("there is nothing to remove")
    elif report.dry_run:
        note("nothing was removed (--dry-run)")
    else:
        freed = report.blob_bytes + report.version_bytes + report.leftover_bytes + cached
        print_line(f"freed {size(freed)}")


def _size_below(place: Path) -> int:
    return sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(place)
        for name in names
    )
