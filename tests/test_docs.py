"""The docs are held to the code: marked blocks run, and what exists has its heading or row."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from litestar.routes import HTTPRoute

from epochal.cli.main import build
from epochal.client.settings import FIELDS, VARIABLES
from epochal.protocols.call import Call
from epochal.server.settings import Settings
from epochal.server.site import HANDLER_LIST
from tests.server.foreign import is_foreign

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUNNABLE = re.compile(r"<!-- run -->\n+```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
PAGES_WITH_CODE = [page for page in PAGES if RUNNABLE.search(page.read_text())]


def headings(page: Path) -> set[str]:
    """The headings of a page, without marks and code quotes."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {heading.replace("`", "").strip() for heading in found}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of ``epochal`` with its full name."""
    group = typer.main.get_command(build("*"))
    stack: list[tuple[str, Any]] = [("epochal", group)]
    while stack:
        name, command = stack.pop()
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        else:
            stack += [(f"{name} {key}", value) for key, value in inner.items()]


# ------------------------------------------------------------------------------------------- code
@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, home: Path) -> None:
    """Blocks marked `<!-- run -->` are one program, run by a fresh Python on an empty home."""
    program = "\n".join(RUNNABLE.findall(page.read_text()))
    result = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program],
        cwd=home,
        env={**os.environ, "EPOCHAL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, f"{program}\n{result.stdout}\n{result.stderr}"


def test_the_guides_have_code_that_runs() -> None:
    """The marks did not get lost."""
    names = {page.name for page in PAGES_WITH_CODE}
    assert {"README.md", "quickstart.md", "logging.md", "reading.md", "settings.md"} <= names


# ------------------------------------------------------------------------------------ completeness
@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_and_option_is_described(name: str, command: Any) -> None:
    """Each command has a heading in cli.md, and each of its options stands under it."""
    text = (DOCS / "cli.md").read_text()
    section = re.search(rf"^#+ `?{name}`?$(.*?)(?=^#+ |\Z)", text, re.DOTALL | re.MULTILINE)
    assert section, f"docs/cli.md has no heading for {name}"
    options = {
        word
        for parameter in command.params
        if parameter.param_type_name == "option" and parameter.name != "help"
        for word in (*parameter.opts, *parameter.secondary_opts)
        if word.startswith("--")
    }
    missing = [o for o in options if not re.search(rf"{o}(?![\w-])", section[1])]
    assert missing == [], f"docs/cli.md does not mention {missing} of {name}"


def test_no_heading_describes_a_command_that_is_gone() -> None:
    described = {h for h in headings(DOCS / "cli.md") if h.startswith("epochal ")}
    assert described - {name for name, _ in commands()} == set()


def test_every_setting_has_its_heading() -> None:
    """Both sides' settings, and nothing that is none."""
    server = {field.name for field in msgspec.structs.fields(Settings)}
    variables = environment_variables()
    known = set(FIELDS) | server | variables
    described = {h for h in headings(DOCS / "settings.md") if re.fullmatch(r"[A-Z_]+|[a-z_]+", h)}
    assert known - described == set()
    assert described - known == set()


def environment_variables() -> set[str]:
    """Every variable that the package names."""
    found: set[str] = set(VARIABLES.values())
    for path in (ROOT / "src").rglob("*.py"):
        found |= set(re.findall(r"\bEPOCHAL_[A-Z][A-Z_]*[A-Z]\b", path.read_text()))
    return found


def test_there_are_at_most_ten_environment_variables() -> None:
    """To set, that is; two more are what an agent tells the process of a trial."""
    told = {"EPOCHAL_TRIAL", "EPOCHAL_SEED"}
    assert len(environment_variables() - told) <= 10


def test_every_route_has_its_row() -> None:
    """The routes are those of the application's own table, not of a list kept beside it."""
    from litestar import Litestar

    text = (DOCS / "server.md").read_text()
    rows = set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", text, re.MULTILINE))
    application = Litestar(
        route_handlers=list(HANDLER_LIST), request_class=Call, openapi_config=None
    )
    routes = {
        f"{method} {re.sub(r':[a-z]+}', '}', route.path_format)}"
        for route in application.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods - {"OPTIONS", "HEAD"}
        if not is_foreign(route.path_format)
    }
    assert routes - rows == set()
    assert rows - routes == set()


def test_every_promise_has_its_heading_and_its_line_in_the_readme() -> None:
    wanted = {f"P{number}" for number in range(1, 13)}
    assert wanted <= headings(DOCS / "promises.md")
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"docs/promises\.md#(p\d+)", readme)) == {w.lower() for w in wanted}


# ------------------------------------------------------------------------------------------- links
def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path = target.split("#")[0]
            if path and "://" not in target and not (page.parent / path).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    pages = {
        str(page.relative_to(DOCS))
        for page in DOCS.rglob("*.md")
        if page.parent.name != "decisions"
    }
    assert {page for page in pages if page not in nav} == set()


def test_extras_named_in_the_docs_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {
        extra.strip()
        for page in PAGES
        for group in re.findall(r"epochal\[([a-z, ]+)\]", page.read_text())
        for extra in group.split(",")
    }
    assert named - set(project["optional-dependencies"]) == set()
