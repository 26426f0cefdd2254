"""``--json`` follows the structs of domain/view.py, so that scripts may rely on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from epochal.api.remote import read_detail, read_page
from epochal.domain.view import LogLine, ProjectList
from tests.api.recorded import BIG, ROWS
from tests.cli.conftest import run_cli


def output(home: Path, *arguments: str) -> bytes:
    done = run_cli(*arguments, home=home)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.encode()


def test_ls_without_a_project_is_a_project_list(shared: Path) -> None:
    """As the REST API gives it."""
    found = msgspec.json.decode(output(shared, "ls", "--json"), type=ProjectList)
    assert [(row.name, row.runs) for row in found.projects] == [("other/name", 1), ("mnist", 3)]


def test_ls_of_a_project_is_a_run_page(shared: Path) -> None:
    """With the columns asked for, in the order of the runs, and NaN as a text."""
    text = output(shared, "ls", "mnist", "--json", "-c", "last(loss), config.lr", "-n", "2")
    page = read_page(text)
    assert (page.total, page.matched, len(page.runs)) == (3, 3, 2)
    assert [run.id for run in page.runs] == ["gamma", "beta"]
    assert json.loads(text)["columns"] == {"last(loss)": ["NaN", 7.0], "config.lr": [0.001, 0.01]}


def test_show_is_a_run_detail(shared: Path) -> None:
    """All of it."""
    detail = read_detail(output(shared, "show", "mnist/alpha", "--json"))
    assert detail.summary["best"] == 0.75
    assert {metric.key: metric.count for metric in detail.metrics}["loss"] == ROWS


def test_diff_has_a_value_per_run(shared: Path) -> None:
    """Only what differs, absent values as null."""
    found = json.loads(output(shared, "diff", "mnist/alpha", "beta", "--json"))
    assert [run["id"] for run in found["runs"]] == ["alpha", "beta"]
    assert found["config"]["lr"] == [0.1, 0.01]
    assert found["config"]["epochs"] == [None, 3]
    assert "optim.name" in found["config"]
    assert found["summary"]["best"] == [0.75, None]
    same = json.loads(output(shared, "diff", "beta", "mnist/beta", "--json"))
    assert (same["config"], same["summary"]) == ({}, {})
    everything = json.loads(output(shared, "diff", "beta", "mnist/beta", "--json", "--all"))
    assert everything["config"]["lr"] == [0.01, 0.01]


def test_tail_is_json_lines(shared: Path) -> None:
    """Console lines are `LogLine`, rows of metrics have step, time and values."""
    lines = [
        json.loads(one) for one in output(shared, "tail", "mnist/alpha", "--json").splitlines()
    ]
    assert {line.pop("kind") for line in lines} == {"line"}
    assert msgspec.convert(lines, list[LogLine])[0].text == "plain line"
    text = output(shared, "tail", "mnist/alpha", "--json", "-m", "count", "-m", "no*", "-n", "1")
    row: dict[str, Any] = json.loads(text)
    assert (row["kind"], row["step"]) == ("row", ROWS - 10)
    assert row["values"] == {"count": BIG + ROWS - 10}


@pytest.mark.parametrize("arguments", [["doctor"], ["key", "list"]])
def test_other_commands_print_one_json_object(shared: Path, arguments: list[str]) -> None:
    """With a name for each part."""
    found = json.loads(run_cli(*arguments, "--json", home=shared).stdout)
    assert set(found) in ({"ok", "checks"}, {"keys"})
