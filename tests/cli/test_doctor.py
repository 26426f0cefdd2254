from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal import api
from epochal.cli.checks import check_sqlite
from epochal.journal.frame import FileHeader, pack_file_header
from epochal.store.owner import open_store
from tests.api.recorded import record
from tests.cli.conftest import run_cli
from tests.conftest import end_process, start_server

ONE_RUN = """
import epochal
quiet = epochal.Settings(silent=True, system_interval=0)
with epochal.init(project="p", id="r", settings=quiet) as run:
    for step in range(5000):
        run.log({"loss": 1.0 / (step + 1)}, step=step)
"""


@pytest.fixture
def lived(home: Path) -> Path:
    """A home with one finished run that has been read."""
    record(home, ONE_RUN)
    assert run_cli("ls", home=home).returncode == 0
    return home


def diagnosed(home: Path) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    done = run_cli("doctor", "--json", home=home)
    found: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(done.stdout)["checks"]:
        found.setdefault(check["name"], []).append(check)
    assert json.loads(done.stdout)["ok"] == (done.returncode == 0)
    return done.returncode, found


def test_a_sound_home_has_exit_code_0(lived: Path) -> None:
    """With everything named that was looked at."""
    code, found = diagnosed(lived)
    assert code == 0
    assert {"epochal", "sqlite", "torch", "home", "disk", "server", "database", "journals"} <= set(
        found
    )
    assert found["segments"][0]["text"] == "1 of 1 are whole"


def test_a_damaged_segment_is_found(lived: Path) -> None:
    """One changed byte is enough."""
    path = next((lived / "runs").glob("*/*.eps"))
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    code, found = diagnosed(lived)
    assert code == 1
    assert [check["level"] for check in found["segment"]] == ["error"]
    assert str(path) in found["segment"][0]["text"]


def test_a_damaged_database_is_found(lived: Path) -> None:
    """And what to do about it."""
    (lived / "epochal.db").write_bytes(b"nonsense" * 1000)
    code, found = diagnosed(lived)
    assert code == 1
    assert found["database"][0]["level"] == "error"


def test_a_damaged_database_is_made_anew_from_the_runs(lived: Path) -> None:
    """The points are back, the damaged file is kept, and nothing else is changed."""
    (lived / "epochal.db").write_bytes(b"nonsense" * 1000)
    done = run_cli("doctor", "--rebuild", home=lived)
    assert done.returncode == 0, done.stdout
    assert "made anew with 1 runs" in done.stderr
    kept = next(lived.glob("epochal.db.damaged-*"))
    assert kept.read_bytes() == b"nonsense" * 1000
    assert len(api.run("p/r", home=lived).series("loss")) == 5000


def test_only_a_home_is_rebuilt(tmp_path: Path) -> None:
    """A typo makes no database."""
    done = run_cli("doctor", "--rebuild", "--home", str(tmp_path))
    assert done.returncode == 4
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_archive_is_found(lived: Path) -> None:
    """Without it a rebuilt database would lack the run's config."""
    path = next((lived / "runs").glob("*/*.facts"))
    path.write_bytes(path.read_bytes()[:-20])
    code, found = diagnosed(lived)
    assert code == 1
    assert str(path) in found["archive"][0]["text"]


def test_a_file_that_is_no_journal_is_found(lived: Path) -> None:
    """The others are still read."""
    run = next((lived / "runs").iterdir())
    (run / f"{'a' * 32}.ej").write_bytes(b"nonsense" * 100)
    code, found = diagnosed(lived)
    assert code == 1
    assert found["journal"][0]["level"] == "error"
    assert found["journals"][0]["text"] == "0 of 1 can be read"


def test_a_journal_from_the_future_tells_of_the_clock(lived: Path) -> None:
    """An hour ahead is worth a warning, which is no failure."""
    run = next((lived / "runs").iterdir())
    ahead = time.time_ns() // 1000 + 3_600_000_000
    header = FileHeader(run=run.name, writer="b" * 32, created_us=ahead)
    (run / f"{'b' * 32}.ej").write_bytes(pack_file_header(header))
    _, found = diagnosed(lived)
    assert found["clock"][0]["level"] == "warning"


def test_a_home_that_others_can_read_is_a_warning(lived: Path) -> None:
    """With the command that helps."""
    lived.chmod(0o755)
    done = run_cli("doctor", home=lived)
    assert f"chmod 700 {lived}" in done.stdout
    assert done.returncode == 0


def test_a_home_in_use_is_checked_as_far_as_possible(lived: Path, tmp_path: Path) -> None:
    """A lock and a living server are no illness."""
    with open_store(lived):
        code, found = diagnosed(lived)
    assert code == 0
    assert found["database"][0]["level"] == "note"
    server = start_server(lived, log=tmp_path / "log")
    try:
        code, found = diagnosed(lived)
        assert code == 0
        assert server.url in found["server"][0]["text"]
    finally:
        end_process(server.process)


def test_no_home_is_no_illness(tmp_path: Path) -> None:
    """It is made at the first run."""
    code, found = diagnosed(tmp_path / "none")
    assert code == 0
    assert found["home"][0]["level"] == "note"


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.40.1", "note"),
        ("3.44.5", "note"),
        ("3.44.6", "ok"),
        ("3.50.6", "note"),
        ("3.50.7", "ok"),
        ("3.51.2", "note"),
        ("3.51.3", "ok"),
        ("3.52.0", "ok"),
        ("4.0.0", "ok"),
    ],
)
def test_engines_with_the_wal_reset_bug_are_known(version: str, level: str) -> None:
    """https://sqlite.org/wal.html: fixed in 3.51.3, and in 3.50.7 and 3.44.6."""
    assert check_sqlite(version).level == level


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A home with an artifact version of one file, which a run has as a file, too."""
    home = tmp_path / "shop"
    home.mkdir(mode=0o700)
    record(home, SHOP)
    assert epochal.connect(home=home).artifact("data", "shop").state == "committed"
    return home


SHOP = """
import epochal
quiet = epochal.Settings(system_interval=0, silent=True, git=False, environment=False,
                         console=False)
open("a.txt", "w").write("alpha")
with epochal.init(project="shop", id="maker", settings=quiet) as run:
    run.save("a.txt", policy="now")
    run.log_artifact("a.txt", name="data", type="dataset")
"""


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda path: path.write_bytes(b"ALPHA"), "damaged"),
        (lambda path: path.unlink(), "missing"),
    ],
    ids=["damaged", "missing"],
)
def test_deep_names_who_needs_a_blob_that_is_not_well(shop: Path, harm: Any, says: str) -> None:
    digest = epochal.connect(home=shop).run("shop/maker").file("a.txt").digest
    path = shop / "blobs" / digest[:2] / digest
    path.chmod(0o644)
    harm(path)
    done = run_cli("doctor", "--deep", "--json", home=shop)
    assert done.returncode == 1
    (found,) = [
        one["text"] for one in json.loads(done.stdout)["checks"]
        if one["name"] == "blobs" and one["level"] == "error"
    ]  # fmt: skip
    assert digest in found
    assert says in found
    assert found.endswith("needed by artifact local/shop/data:v0, run local/shop/maker")


def test_deep_says_that_all_is_well_also_beside_a_server(shop: Path, tmp_path: Path) -> None:
    def blobs() -> list[str]:
        done = run_cli("doctor", "--deep", "--json", home=shop)
        return [c["level"] for c in json.loads(done.stdout)["checks"] if c["name"] == "blobs"]

    assert blobs() == ["ok"]
    running = start_server(shop, log=tmp_path / "log")
    try:
        assert blobs() == []
        path = next((shop / "blobs").glob("[0-9a-f][0-9a-f]/*"))
        path.chmod(0o644)
        path.write_bytes(b"harm")
        assert blobs() == ["error"]
    finally:
        end_process(running.process)
