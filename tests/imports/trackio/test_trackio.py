"""A database that the real trackio 0.43.0 wrote, with its media, comes in whole and once.

``written/`` holds what `write.py` left there. trackio itself asks for an older Pillow than other
libraries of these tests; ``EPOCHAL_TEST_TRACKIO`` names a Python that has it, whose trackio then
writes anew what is read here.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from epochal.api import connect
from epochal.errors import NotFound
from epochal.imports.outcome import Outcome
from epochal.imports.trackio import Importer, default_place

WRITTEN = Path(__file__).with_name("written")
PYTHON = os.environ.get("EPOCHAL_TEST_TRACKIO")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What trackio left: long ago, or just now when a Python that has it is named."""
    if PYTHON is None:
        return WRITTEN
    place = tmp_path_factory.mktemp("written")
    command = [PYTHON, str(Path(__file__).with_name("write.py"))]
    subprocess.run(command, env={**os.environ, "TRACKIO_DIR": str(place)}, check=True)
    return place


@pytest.fixture
def place(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "trackio"))


def bring(home: Path, place: Path) -> Outcome:
    with Importer(home, place) as importer:
        importer.carry()
        return importer.outcome


def test_a_run_is_as_trackio_has_it(home: Path, place: Path) -> None:
    """Config, points with NaN and infinity, texts, alerts, images, tables."""
    outcome = bring(home, place)
    assert (outcome.runs, outcome.problems) == (["digits/first"], [])
    run = connect(home=home).run("first", "digits")
    assert run.config == {"lr": 0.1, "opt": {"n": "adam"}}
    assert run.series("loss").value.tolist() == [1 / (i + 1) for i in range(10)]
    assert run.series("acc").step.tolist() == list(range(10))
    assert all(math.isnan(value) for value in run.series("nan").value)
    assert set(run.series("inf").value.tolist()) == {math.inf}
    assert run.summary["word"] == "w"
    assert [event.title for event in run.events] == ["title"]
    (image,), (table,) = run.media("img"), run.media("tab")
    assert (image.kind, image.meta["caption"], table.meta["columns"]) == ("image", "c", ["a"])


def test_again_only_what_is_new_comes(home: Path, place: Path) -> None:
    bring(home, place)
    assert bring(home, place).runs == []
    with sqlite3.connect(place / "digits.db") as database:
        id = database.execute("SELECT run_id FROM metrics").fetchone()[0]
        row = (id, "2026-11-22T00:00:00+00:00", "first", 30, json.dumps({"loss": 7}))
        database.execute(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
            "VALUES (?, ?, ?, ?, ?)",
            row,
        )
    database.close()
    assert bring(home, place).counts["points"] == 1
    loss = connect(home=home).run("first", "digits").series("loss")
    assert (loss.step.tolist()[-1], loss.value.tolist()[-1], len(loss.step)) == (30, 7.0, 11)


def test_media_are_read_below_the_media_folder_alone(home: Path, place: Path) -> None:
    """A path in the database may say anything."""
    (place / "secret.png").write_bytes(b"secret")
    with sqlite3.connect(place / "digits.db") as database:
        medium = {"_type": "trackio.image", "file_path": "../secret.png"}
        database.execute(
            "UPDATE metrics SET metrics = ? WHERE step = 20", (json.dumps({"img": medium}),)
        )
    database.close()
    bring(home, place)
    with pytest.raises(NotFound, match="no media"):
        connect(home=home).run("first", "digits").media("img")


def test_another_database_is_told(home: Path, place: Path) -> None:
    """It stops no other."""
    with sqlite3.connect(place / "other.db") as database:
        database.execute("CREATE TABLE t (a)")
    database.close()
    outcome = bring(home, place)
    assert "no table 'metrics'" in outcome.problems[0]
    assert outcome.runs == ["digits/first"]


def test_a_directory_without_databases_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no database \*\.db"):
        Importer(home, tmp_path)
    with pytest.raises(NotFound, match="there is no file or directory"):
        Importer(home, tmp_path / "missing")


def test_trackios_own_directory_is_found_as_it_finds_it() -> None:
    assert default_place({"TRACKIO_DIR": "/a"}) == Path("/a")
    assert default_place({"HF_HOME": "/b"}) == Path("/b/trackio")
    assert default_place({}) == Path("~/.cache/huggingface/trackio").expanduser()
