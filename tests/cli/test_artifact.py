"""``epochal artifact`` and ``epochal files``, with a server on the home and without one."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from epochal.api import connect
from tests.cli.conftest import run_cli
from tests.conftest import Server, end_process, start_server


def told(*arguments: str, home: Path) -> Any:
    """What a command prints with ``--json``."""
    done = run_cli(*arguments, "--json", home=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory to keep."""
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (folder / "x.txt").write_text("x")
    (folder / "inner" / "y.bin").write_bytes(bytes(100_000))
    return folder


def test_a_directory_makes_the_round_trip(shop: Path, data: Path, tmp_path: Path) -> None:
    """put, get, change, put, diff: what was kept comes back."""
    put = ["artifact", "put", str(data), "--name", "stuff", "-p", "shop"]
    first = told(*put, "--type", "files", "--alias", "good", "--tag", "t", home=shop)
    assert (first["version"], first["state"], first["files"]) == (0, "committed", 2)
    assert (sorted(first["aliases"]), first["tags"]) == (["good", "latest"], ["t"])
    place = tmp_path / "back"
    got = told("artifact", "get", "stuff:good", "-p", "shop", "--root", str(place), home=shop)
    assert got == {
        "name": "local/shop/stuff:v0", "digest": first["digest"], "root": str(place),
    }  # fmt: skip
    assert (place / "x.txt").read_text() == "x"
    assert (place / "inner" / "y.bin").read_bytes() == bytes(100_000)
    (data / "x.txt").write_text("changed")
    assert told(*put, home=shop)["version"] == 1
    assert told(*put, home=shop)["version"] == 1, "equal content is the same version"
    diff = told("artifact", "diff", "shop/stuff:v0", "v1", home=shop)
    assert [one["path"] for one in diff["changed"]] == ["x.txt"]
    assert (diff["added"], diff["removed"], diff["same"]) == ([], [], 1)


def test_one_file_is_enough(shop: Path, data: Path) -> None:
    """It is named after itself."""
    put = told("artifact", "put", str(data / "x.txt"), "-p", "shop", home=shop)
    assert (put["name"], put["type"], put["files"]) == ("x.txt", "dataset", 1)


def test_artifacts_versions_and_files_are_listed(shop: Path) -> None:
    """As tables and as JSON."""
    rows = told("artifact", "ls", home=shop)["artifacts"]
    assert {row["name"]: row["versions"] for row in rows} == {"digits": 2, "net": 2}
    assert len(told("artifact", "ls", "--type", "model", home=shop)["artifacts"]) == 1
    versions = told("artifact", "ls", "digits", home=shop)["versions"]
    assert [row["version"] for row in versions] == [1, 0]
    entries = told("artifact", "ls", "digits:v0", "--files", home=shop)["entries"]
    assert entries["far.bin"] == {"ref": "s3://bucket/far.bin"}
    text = run_cli("artifact", "ls", "digits", home=shop).stdout
    assert text.splitlines()[0].split()[:3] == ["VERSION", "ALIASES", "STATE"]
    assert "digits:v0  best" in text
    assert (
        "s3://bucket/far.bin"
        in run_cli("artifact", "ls", "digits:v0", "--files", home=shop).stdout
    )


def test_deleting_asks_and_keeps_what_has_an_alias(shop: Path) -> None:
    """Without a terminal --yes has to stand, for an alias --force."""
    refused = run_cli("artifact", "rm", "digits:v0", home=shop)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    kept = run_cli("artifact", "rm", "digits:v0", "--yes", home=shop)
    assert (kept.returncode, "best" in kept.stderr) == (5, True)
    shown = told("artifact", "rm", "digits", "--dry-run", home=shop)
    assert shown == {"would_delete": ["local/shop/digits:v1", "local/shop/digits:v0"]}
    assert len(told("artifact", "ls", "digits", home=shop)["versions"]) == 2
    gone = told("artifact", "rm", "digits:v0", "--yes", "--force", home=shop)
    assert gone == {"deleted": ["local/shop/digits:v0"]}
    assert told("artifact", "rm", "digits", "--yes", home=shop)["deleted"] == [
        "local/shop/digits:v1"
    ]
    assert [r["name"] for r in told("artifact", "ls", home=shop)["artifacts"]] == ["net"]


def test_a_model_protects_its_version(shop: Path) -> None:
    kept = run_cli("artifact", "rm", "net", "--yes", "--force", home=shop)
    assert (kept.returncode, "classifier" in kept.stderr) == (5, True)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["get", "digits:bets"], 4, "'best'"),
        (["get", "digis"], 4, "'digits'"),
        (["ls", "digis"], 4, "'digits'"),
        (["get", "digits:v0", "--path", "nope"], 4, "nothing at"),
        (["diff", "digits:v0", "v7"], 4, "v7"),
        (["put", "nothing-here"], 2, "nothing-here"),
        (["put", ".", "--name", "a/b"], 2, "artifact name"),
        (["put", ".", "--name", "n", "--alias", "v3"], 2, "version number"),
        (["get", "a/b/c/d"], 4, "a/b/c"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_says_why(
    things: Path, arguments: list[str], code: int, says: str
) -> None:
    done = run_cli("artifact", *arguments, home=things)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_version_is_put_on_another_machine(things: Path, data: Path, tmp_path: Path) -> None:
    """--url sends it; the command ends when the server has it whole."""
    running = start_server(things, log=tmp_path / "log")
    try:
        mine = tmp_path / "mine"
        put = told(
            "artifact", "put", str(data), "--name", "sent", "-p", "shop",
            "--url", running.url, home=mine,
        )  # fmt: skip
        assert (put["version"], put["state"]) == (0, "committed")
        assert connect(running.url).artifact("shop/sent:v0").get_path("x.txt").read() == b"x"
    finally:
        end_process(running.process)


def test_a_terminal_sees_a_question(things: Path) -> None:
    """No answers, and nothing is deleted."""
    text, code = on_terminal(["artifact", "rm", "digits:v0"], things, b"n\n")
    assert "Delete local/shop/digits:v0 for good?" in text
    assert code == 1
    assert len(told("artifact", "ls", "digits", home=things)["versions"]) == 2


def on_terminal(arguments: list[str], home: Path, typed: bytes) -> tuple[str, int]:
    """Run a command at a pseudo-terminal; what it printed and its exit code."""
    master, slave = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EPOCHAL_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "epochal", *arguments],
        stdin=slave, stdout=slave, stderr=slave,
        env=environment | {"EPOCHAL_HOME": str(home), "COLUMNS": "120"},
    )  # fmt: skip
    os.close(slave)
    seen, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
            if typed and b"?" in seen:
                os.write(master, typed)
                typed = b""
    os.close(master)
    return seen.decode(), process.wait(60)


# ----------------------------------------------------------------------------------- files of runs
def test_files_of_a_run_are_listed_and_fetched(shop: Path, tmp_path: Path) -> None:
    files = told("files", "maker", home=shop)["files"]
    assert [file["path"] for file in files] == ["data/inner/b.bin", "notes.md"]
    place = tmp_path / "out"
    done = run_cli("files", "maker", "*.md", "--get", "--root", str(place), home=shop)
    assert (done.returncode, done.stdout.strip()) == (0, str(place))
    assert [path.name for path in place.rglob("*") if path.is_file()] == ["notes.md"]
    missing = run_cli("files", "maker", "*.txt", "--get", home=shop)
    assert missing.returncode == 4


def test_show_tells_media_files_and_artifacts(shop: Path) -> None:
    shown = told("show", "maker", home=shop)
    assert {one["key"] for one in shown["media"]} == {
        "many", "picture", "table", "weights", "words",
    }  # fmt: skip
    assert [one["path"] for one in shown["files"]] == ["data/inner/b.bin", "notes.md"]
    assert len(shown["artifacts"]) == 4
    text = run_cli("show", "maker", home=shop).stdout
    for word in ("picture", "notes.md", "digits:v0"):
        assert word in text
    assert [one["name"] for one in told("show", "user", home=shop)["used_artifacts"]] == ["digits"]


def test_a_server_changes_nothing_in_what_is_listed(things: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    commands = [
        ["artifact", "ls", "--json"],
        ["artifact", "ls", "digits", "--json"],
        ["artifact", "diff", "digits:v0", "v1"],
        ["model", "ls", "--json"],
        ["model", "ls", "classifier", "--json"],
        ["files", "maker", "--json"],
        ["gc", "--dry-run", "--json"],
    ]
    alone = [run_cli(*command, home=things).stdout for command in commands]
    running: Server = start_server(things, log=tmp_path / "log")
    served = [run_cli(*command, home=things).stdout for command in commands]
    end_process(running.process)
    assert served == alone
    assert all(alone)
