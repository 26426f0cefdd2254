"""``epochal report``: Markdown with panels over runs, listed, shown, added and taken along."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from epochal.cli.figures import ago
from epochal.cli.options import Home, Json, Url, complete_project, reader_of
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.cli.whole import STDOUT, open_whole
from epochal.domain.names import DEFAULT_ENTITY
from epochal.errors import InvalidInput

app = typer.Typer()

Project = Annotated[
    str,
    typer.Argument(help="The project.", autocompletion=complete_project, show_default=False),
]
Name = Annotated[str, typer.Argument(help="The report's name, as `ls` shows it.")]
Entity = Annotated[str, typer.Option(help="Whose project.")]


@app.command()
def ls(
    project: Project,
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List the reports of a project."""
    found = reader_of(home, url).reports(project, entity=entity)
    if json:
        print_json([one.row for one in found])
        return
    if not found:
        note(f"no reports yet; write one on the page, or `epochal report add {project} FILE`")
        return
    columns = [Col("name"), Col("title", wrap=True), Col("changed", rank=1), Col("by", rank=2)]
    lines = [(one.name, one.title, ago(one.row.updated_us), one.row.updated_by) for one in found]
    print_table(columns, lines)


@app.command()
def show(
    project: Project,
    name: Name,
    revision: Annotated[
        int | None, typer.Option(help="What it said then; default: what it says now.")
    ] = None,
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Print the Markdown of a report."""
    found = reader_of(home, url).report(project, name, entity=entity)
    said = None if revision is None else found.version(revision)
    if json:
        print_json(said or found.row)
        return
    title, text = (found.title, found.text) if said is None else (said.title, said.text)
    for line in (f"# {title}", "", *text.splitlines()):
        print_line(line)


@app.command()
def history(
    project: Project,
    name: Name,
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List what a report said before, revision by revision."""
    found = reader_of(home, url).report(project, name, entity=entity).versions()
    if json:
        print_json(found)
        return
    columns = [
        Col("revision", right=True), Col("title", wrap=True), Col("saved"), Col("by", rank=1),
        Col("characters", right=True, rank=2),
    ]  # fmt: skip
    lines = [
        (str(one.revision), one.title, ago(one.saved_us), one.saved_by, f"{one.characters:,}")
        for one in found
    ]
    print_table(columns, lines)


@app.command()
def restore(
    project: Project,
    name: Name,
    revision: Annotated[int, typer.Argument(help="The revision, as `history` shows it.")],
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Let a report say again what it said at a revision; what it says now stays in its history."""
    found = reader_of(home, url).report(project, name, entity=entity)
    said = found.version(revision)
    found.update(text=said.text, title=said.title)
    if json:
        print_json(found.row)
    else:
        print_line(f"{name} says again what it said at revision {revision}")


@app.command()
def export(
    project: Project,
    name: Name,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File to write; - for standard output."),
    ] = None,
    format: Annotated[
        Literal["html", "md"] | None,
        typer.Option("--format", "-f", help="Default: by the output's suffix, else html."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Write a report to one HTML file with its charts drawn, or its Markdown."""
    chosen = format or ("md" if (output or "").endswith((".md", ".markdown")) else "html")
    place = output or f"{name}.{chosen}"
    if place == STDOUT and json:
        raise InvalidInput("--json and --output - would mix on standard output; leave one out")
    found = reader_of(home, url).report(project, name, entity=entity)
    text = found.html() if chosen == "html" else f"# {found.title}\n\n{found.text}\n"
    data = text.encode("utf-8", "replace")
    with open_whole(place, force=force) as file:
        file.write(data)
    if json:
        print_json({"path": place, "format": chosen, "bytes": len(data)})
    elif place != STDOUT:
        print_line(f"{place}: {len(data):,} bytes")


@app.command()
def add(
    project: Project,
    file: Annotated[
        typer.FileText, typer.Argument(help="Markdown to make a report of; - reads stdin.")
    ],
    title: Annotated[
        str, typer.Option(help="Its title; default: the heading that the file begins with.")
    ] = "",
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Make a report of a Markdown file."""
    text = file.read()
    first, _, rest = text.partition("\n")
    if not title and first.startswith("# "):
        title, text = first.removeprefix("# ").strip(), rest.lstrip("\n")
    if not title:
        raise InvalidInput(f"{file.name} does not begin with a heading; give the report a --title")
    made = reader_of(home, url).add_report(project, title, text, entity=entity)
    if json:
        print_json(made.row)
    else:
        print_line(made.name)
