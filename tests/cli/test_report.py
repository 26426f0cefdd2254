"""``epochal report`` makes reports of Markdown, and takes them along as one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from epochal.api import connect
from epochal.errors import Conflict
from tests.cli.conftest import run_cli
from tests.conftest import end_process, start_server

TEXT = "# Which rate?\n\nSee:\n\n```panel\npanel: lines:loss\n```\n"


def test_a_file_becomes_a_report_and_a_page_of_its_own(recorded: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.md"
    source.write_text(TEXT)
    made = run_cli("report", "add", "mnist", str(source), home=recorded)
    assert (made.returncode, made.stdout) == (0, "which-rate\n")
    listed = run_cli("report", "ls", "mnist", "--json", home=recorded)
    assert [row["title"] for row in json.loads(listed.stdout)] == ["Which rate?"]
    assert run_cli("report", "show", "mnist", "which-rate", home=recorded).stdout.startswith(TEXT)
    page = tmp_path / "page.html"
    arguments = ("report", "export", "mnist", "which-rate", "-o", str(page))
    assert run_cli(*arguments, home=recorded).returncode == 0
    assert page.read_text().count("<svg") > 1
    again = run_cli(*arguments, home=recorded)
    assert again.returncode == Conflict.exit_code
    assert "--force" in again.stderr
    copy = tmp_path / "out.md"
    run_cli("report", "export", "mnist", "which-rate", "-o", str(copy), home=recorded)
    assert copy.read_text().startswith(TEXT)


def test_what_a_report_said_before_is_listed_shown_and_restored(
    recorded: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in.md"
    source.write_text(TEXT)
    run_cli("report", "add", "mnist", str(source), home=recorded)
    connect(home=recorded).report("mnist", "which-rate").update(text="worse", title="Worse?")
    of = ("mnist", "which-rate")
    listed = json.loads(run_cli("report", "history", *of, "--json", home=recorded).stdout)
    assert [(row["revision"], row["title"]) for row in listed] == [
        (2, "Worse?"),
        (1, "Which rate?"),
    ]
    table = run_cli("report", "history", *of, home=recorded).stdout
    assert "Worse?" in table
    shown = run_cli("report", "show", *of, "--revision", "1", home=recorded)
    assert shown.stdout.startswith(TEXT)
    unknown = run_cli("report", "restore", *of, "7", home=recorded)
    assert unknown.returncode != 0
    assert "no revision 7" in unknown.stderr
    assert run_cli("report", "restore", *of, "1", home=recorded).returncode == 0
    assert run_cli("report", "show", *of, home=recorded).stdout.startswith(TEXT)
    assert connect(home=recorded).report("mnist", "which-rate").version(2).text == "worse"


def test_a_file_without_a_heading_needs_a_title(recorded: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.md"
    source.write_text("no heading")
    refused = run_cli("report", "add", "mnist", str(source), home=recorded)
    assert refused.returncode != 0
    assert "--title" in refused.stderr
    made = run_cli("report", "add", "mnist", str(source), "--title", "T", home=recorded)
    assert made.stdout == "t\n"


def test_a_server_answers_as_a_home_does(recorded: Path, tmp_path: Path) -> None:
    server = start_server(recorded, log=tmp_path / "server.log")
    try:
        reader = connect(home=recorded)
        made = reader.add_report("mnist", "Over HTTP", TEXT)
        other = reader.report("mnist", made.name)
        assert [one.name for one in reader.reports("mnist")] == [made.name]
        made.update(text="other")
        assert reader.report("mnist", made.name).text == "other"
        assert "other" in made.html()
        with pytest.raises(Conflict, match="meanwhile"):
            other.update(text="late")
    finally:
        end_process(server.process)
