"""``epochal artifact``: put, get, list, compare and delete versions of artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epochal.api import ArtifactCollection, ArtifactVersion, Reader
from epochal.api.naming import find_reference
from epochal.cli.asking import DryRun, Yes, ask
from epochal.cli.figures import ago, size
from epochal.cli.options import Home, Json, Url, complete_artifact, complete_project, reader_of
from epochal.cli.putting import Given, put_version
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.cli.transfer import shown
from epochal.domain.objects import PathChange, VersionDiff

app = typer.Typer()

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="[entity/][project/]name[:v3|:alias|:digest].",
        autocompletion=complete_artifact,
        show_default=False,
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        "-p",
        help="Project of names without one; default: EPOCHAL_PROJECT, or the only one.",
        autocompletion=complete_project,
    ),
]


@app.command()
def put(
    path: Annotated[Path, typer.Argument(help="File or directory to keep.", show_default=False)],
    name: Annotated[
        str | None, typer.Option("--name", help="Of the artifact; default: the path's last part.")
    ] = None,
    type: Annotated[
        str | None, typer.Option("--type", help="Such as dataset (the default) or model.")
    ] = None,
    project: Project = None,
    alias: Annotated[
        list[str] | None, typer.Option("--alias", "-a", help="Alias; may be repeated.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Tag; may be repeated.")] = None,
    description: Annotated[str, typer.Option("--description", help="Markdown.")] = "",
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Keep a file or directory as a new version of an artifact."""
    given = Given(path, name, type, project, list(alias or ()), list(tag or ()), description)
    version = put_version(given, home, url)
    if json:
        print_json(version.row)
        return
    files = "1 file" if version.row.files == 1 else f"{version.row.files:,} files"
    print_line(f"{version.path}  {files}, {size(version.size)}")
    if version.state != "committed":
        note(f"{version.row.missing} blobs are on their way; `epochal sync` sends them")
        raise typer.Exit(6)


@app.command()
def get(
    name: Name,
    root: Annotated[
        Path | None, typer.Option("--root", "-r", help="Directory; default: artifacts/NAME-vN.")
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", help="Only this path, or all below this directory.")
    ] = None,
    references: Annotated[
        bool, typer.Option(help="Fetch files that the artifact only refers to.")
    ] = True,
    project: Project = None,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Download a version; what is right there already is not fetched again."""
    version = reader_of(home, url).artifact(name, project)
    with shown(version.name) as progress:
        place = version.download(root, path, progress, references)
    if json:
        print_json({"name": version.path, "digest": version.digest, "root": place})
    else:
        print_line(place)


@app.command()
def ls(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Artifact whose versions to list; without it, the artifacts.",
            autocompletion=complete_artifact,
            show_default=False,
        ),
    ] = None,
    project: Project = None,
    type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    files: Annotated[bool, typer.Option("--files", help="List the files of a version.")] = False,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List artifacts, the versions of one, or with --files the files of a version."""
    reader = reader_of(home, url)
    if name is None:
        _print_artifacts(reader.artifacts(project, type), json=json)
    elif files:
        _print_files(reader.artifact(name, project), json=json)
    else:
        _print_versions(_collection(reader, name, project).versions(), json=json)


@app.command()
def diff(
    before: Name,
    after: Annotated[
        str, typer.Argument(metavar="OTHER", help="Another version; v5 or an alias is enough.")
    ],
    project: Project = None,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show which files differ between two versions."""
    found = reader_of(home, url).artifact(before, project).diff(after)
    if json:
        print_json(found)
        return
    rows = [
        *(_changed("+", change) for change in found.added),
        *(_changed("-", change) for change in found.removed),
        *(_changed("~", change) for change in found.changed),
    ]
    if rows:
        print_table(
            [Col(""), Col("path"), Col("before", right=True), Col("after", right=True)], rows
        )
    print_line(_sum(found), "dim")


@app.command()
def rm(
    name: Name,
    yes: Yes = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete a version that has aliases too.")
    ] = False,
    dry_run: DryRun = False,
    project: Project = None,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Delete a version, or without :version the artifact with all of them, after asking."""
    reader = reader_of(home, url)
    whole = ":" not in name
    owner = _collection(reader, name, project)
    doomed = owner.versions() if whole else [reader.artifact(name, project)]
    if not json:
        _print_versions(doomed, json=False)
    if not dry_run:
        if not yes:
            ask(f"Delete {owner.path if whole else doomed[0].path} for good?")
        if whole:
            owner.delete()
        else:
            doomed[0].delete(force=force)
    paths = [version.path for version in doomed]
    if json:
        print_json({"would_delete" if dry_run else "deleted": paths})
    elif dry_run:
        note("nothing was deleted (--dry-run)")
    else:
        print_line(f"deleted {len(paths)}; `epochal gc` frees the bytes")


def _collection(reader: Reader, name: str, project: str | None) -> ArtifactCollection:
    ref = find_reference(reader.source, name, project)
    for found in reader.artifacts(f"{ref.entity}/{ref.project}", search=ref.name):
        if found.name == ref.name:
            return found
    # Nothing of this name: the error of looking it up names what is near.
    reader.artifact(ref.path)
    raise AssertionError(f"{ref.path} is found, but not listed")


def _print_artifacts(found: list[ArtifactCollection], *, json: bool) -> None:
    if json:
        print_json({"artifacts": [one.row for one in found]})
        return
    if not found:
        note("no artifacts yet; `epochal artifact put PATH` makes one")
        return
    columns = [Col("artifact"), Col("type"), Col("versions", right=True), Col("size", right=True)]
    columns += [Col("aliases", rank=2, most=40), Col("last activity", right=True, rank=1)]
    rows = [
        (
            f"{one.project}/{one.name}",
            one.type,
            str(one.row.versions),
            size(one.size),
            ", ".join(one.aliases),
            ago(one.row.updated_us),
        )
        for one in found
    ]
    print_table(columns, rows)


def _print_versions(found: list[ArtifactVersion], *, json: bool) -> None:
    if json:
        print_json({"versions": [one.row for one in found]})
        return
    columns = [Col("version"), Col("aliases"), Col("state", rank=1), Col("files", right=True)]
    columns += [Col("size", right=True), Col("created", right=True, rank=1)]
    columns += [Col("made by", rank=2), Col("digest", rank=3)]
    rows = [
        (
            one.name,
            ", ".join(one.aliases),
            one.state,
            str(one.row.files),
            size(one.size),
            ago(one.row.created_us),
            one.row.run.id if one.row.run else "",
            one.digest[:12],
        )
        for one in found
    ]
    print_table(columns, rows)


def _print_files(version: ArtifactVersion, *, json: bool) -> None:
    files = version.files()
    if json:
        entries = version.manifest.entries
        print_json({"name": version.path, "digest": version.digest, "entries": entries})
        return
    rows = [
        (file.path, size(file.size), (file.digest or "")[:12], file.ref or "") for file in files
    ]
    print_table(
        [Col("path"), Col("size", right=True), Col("digest", rank=1), Col("at", rank=1)], rows
    )


def _changed(mark: str, change: PathChange) -> tuple[str, ...]:
    return (mark, change.path, size(change.before), size(change.after))


def _sum(found: VersionDiff) -> str:
    return (
        f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed, "
        f"{found.same} the same"
    )
