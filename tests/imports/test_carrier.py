"""Whatever cuts an import off, the next one goes on: nothing twice, nothing missing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.api import connect
from epochal.domain.record import Config, Event, Media, MediaItem
from epochal.errors import InvalidInput, Unavailable
from epochal.imports import carrier as module
from epochal.imports.carrier import Carrier
from epochal.imports.found import Content, FoundRun, Item, Line, Row
from epochal.imports.ledger import Ledger
from epochal.journal import files

T0 = 1_700_000_000_000_000


class Killed(BaseException):
    """Stands for the end of the process."""


def source(size: int, *, end: int | None = None, state: str = "finished") -> FoundRun:
    """A run of so many steps; reading it breaks off at ``end``."""

    def stream() -> Iterator[Item]:
        for step in range(size):
            if step == end:
                raise Killed
            yield Row(step, T0 + step, {"loss": step / 2, "acc": step})
            if step % 100 == 50:
                item = MediaItem("text", {"text": f"at {step}"})
                yield Media("note", step, T0 + step, [item])

    def read() -> Content:
        lines = [Line(T0 + step, 0, f"line {step}") for step in range(0, size, 10)]
        facts = [Config(T0, {"lr": 0.1, "size": size})]
        once = [Event(T0, "info", "begun")]
        return Content(T0, T0 + size, state, facts=facts, once=once, stream=stream, lines=lines)

    return FoundRun("one", "project", "run-1", "a run", str((size, state)), read)


def carry(home: Path, found: FoundRun) -> None:
    with Carrier(home, "test:/source") as carrier:
        carrier.carry(found)


def check(home: Path, size: int) -> None:
    """Everything of the run is there, once, in order."""
    run = connect(home=home).run("run-1")
    loss = run.series("loss")
    assert loss.step.tolist() == list(range(size))
    assert loss.value.tolist() == [step / 2 for step in range(size)]
    assert run.series("acc").time.tolist() == [T0 + step for step in range(size)]
    assert [entry.step for entry in run.media("note")] == list(range(50, size, 100))
    assert list(run.logs()) == [f"line {step}" for step in range(0, size, 10)]
    assert run.config == {"lr": 0.1, "size": size}
    assert [event.title for event in run.events] == ["begun"]
    assert run.state == "finished"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run needs many journals."""
    monkeypatch.setattr(module, "LONGEST", 2_000)


@pytest.mark.parametrize("end", [0, 1, 99, 333])
def test_an_import_that_breaks_off_goes_on(home: Path, small_parts: None, end: int) -> None:
    """The parts that were whole are kept, the one under way comes again."""
    with pytest.raises(Killed):
        carry(home, source(400, end=end))
    carry(home, source(400))
    check(home, 400)


def test_a_crash_before_a_journal_has_its_name_is_made_good(
    home: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger knows of it already: it gets its name when the ledger is opened."""
    real, count = files.publish, 0

    def publish(directory: str, writer: str) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise Killed
        real(directory, writer)

    monkeypatch.setattr(files, "publish", publish)
    with pytest.raises(Killed):
        carry(home, source(400))
    assert hidden(home) == 1
    carry(home, source(400))
    assert hidden(home) == 0
    check(home, 400)


def test_a_crash_before_the_ledger_knows_leaves_nothing(
    home: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that was not announced is not there."""
    real, count = Ledger.write, 0

    def write(ledger: Ledger, mark) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise Killed
        real(ledger, mark)

    monkeypatch.setattr(Ledger, "write", write)
    with pytest.raises(Killed):
        carry(home, source(400))
    carry(home, source(400))
    assert hidden(home) == 0
    check(home, 400)


def hidden(home: Path) -> int:
    """Journals without a name yet."""
    return len(list(home.glob("runs/*/.*.new")))


def test_a_torn_ledger_is_read_up_to_the_tear(home: Path, small_parts: None) -> None:
    """Power loss may tear the last entry; then its journal had no name either."""
    with pytest.raises(Killed):
        carry(home, source(400, end=200))
    (ledger,) = home.glob("imports/*.ledger")
    with ledger.open("ab") as file:
        file.write(b"\x30\0\0\0torn")
    carry(home, source(400))
    check(home, 400)


KILLED = """
import sys
from pathlib import Path
from epochal.imports import carrier
from epochal.imports.tables import Importer
carrier.LONGEST = 20_000
with Importer(Path(sys.argv[1]), sys.argv[2], "csv", "killed") as importer:
    importer.carry()
"""


def test_killed_processes_lose_and_repeat_nothing(home: Path, tmp_path: Path) -> None:
    """SIGKILL at any moment after the first journal appeared, again and again."""
    table = tmp_path / "log.csv"
    size = 40_000
    table.write_text("step,loss\n" + "".join(f"{i},{i / 7}\n" for i in range(size)))
    command = [sys.executable, "-c", KILLED, str(home), str(table)]
    for number in range(1, 5):
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while len(list(home.glob("runs/*/*.ej"))) < 3 * number and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.wait()
    subprocess.run(command, check=True, timeout=120)
    (run,) = connect(home=home).runs("killed")
    loss = run.series("loss")
    assert loss.step.tolist() == list(range(size))
    assert loss.value.tolist() == [step / 7 for step in range(size)]


def test_a_run_that_grows_is_gone_on_with(home: Path) -> None:
    """Also when the index was read in between."""
    for size in (10, 11, 250):
        carry(home, source(size, state="running" if size < 250 else "finished"))
        assert connect(home=home).run("run-1").series("loss").step.tolist() == list(range(size))
    check(home, 250)


def test_the_same_again_writes_nothing(home: Path) -> None:
    """By its fingerprint, and without one by its content."""
    carry(home, source(100))
    assert connect(home=home).run("run-1").state == "finished"
    before = sorted(home.glob("runs/*/*"))
    for found in (source(100), nameless(source(100))):
        with Carrier(home, "test:/source") as carrier:
            carrier.carry(found)
            assert (carrier.outcome.same, carrier.outcome.runs) == (1, [])
    assert sorted(home.glob("runs/*/*")) == before


def nameless(found: FoundRun) -> FoundRun:
    found.fingerprint = ""
    return found


def test_one_process_at_a_time_imports_a_source(home: Path) -> None:
    with (
        Carrier(home, "test:/source"),
        pytest.raises(Unavailable, match="another process"),
        Carrier(home, "test:/source"),
    ):
        pass


def test_a_run_that_cannot_be_read_stops_no_other(home: Path) -> None:
    """It is told, and comes with the next import."""

    def read() -> Content:
        raise InvalidInput("its file is damaged")

    bad = FoundRun("two", "project", "run-2", "bad", "1", read)
    worse = FoundRun("three", "project", "a/b", "worse", "1", read)
    with Carrier(home, "test:/source") as carrier:
        carrier.carry_all([bad, worse, source(10)], 3)
        assert len(carrier.outcome.problems) == 2
    assert len(connect(home=home).run("run-1").series("loss").step) == 10


def test_a_ledger_of_many_entries_stays_short(home: Path, monkeypatch) -> None:
    """Entries that were replaced are dropped at the end."""
    monkeypatch.setattr("epochal.imports.ledger._GARBAGE", 100)
    for size in range(31, 60):
        carry(home, source(size))
    (ledger,) = home.glob("imports/*.ledger")
    assert os.path.getsize(ledger) < 1_500
    check(home, 59)
