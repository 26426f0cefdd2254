"""Blobs reach the server whole, resume where they stopped, and never hold up numbers."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import epochal
from epochal.client import silence
from epochal.client.replicate import sync_journals
from epochal.client.uploader import read_size
from epochal.journal.blobs import Blobs
from epochal.pipelines.keeping import keep
from epochal.pipelines.tracking import commit_output
from tests.client.blobserver import PIECE, BlobServer
from tests.client.scripts import QUIET, run_script
from tests.conftest import start_server

Begin = Callable[..., epochal.Run]
pytestmark = pytest.mark.filterwarnings("ignore::epochal.errors.EpochalWarning")
SEED = int(os.environ.get("EPOCHAL_TEST_SEED", "0")) or int.from_bytes(os.urandom(4), "little")


@pytest.fixture
def server() -> Iterator[BlobServer]:
    server = BlobServer()
    yield server
    server.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    root.mkdir()
    for number in range(40):
        (root / f"{number}.txt").write_text(f"file {number}")
    (root / "big.bin").write_bytes(random.Random(1).randbytes(20 * 1024 * 1024))
    return root


def log_everything(run: epochal.Run, tree: Path) -> None:
    for step in range(5):
        run.log({"loss": 1.0, "image": epochal.Image(np.full((8, 8), step * 9, np.uint8))})
    run.save(tree / "0.txt", policy="now")
    run.log_artifact(tree, name="data", type="dataset")


def all_there(server: BlobServer, home: Path) -> bool:
    return set(server.blobs) == set(Blobs(home).digests())


def test_everything_is_on_the_server_after_finish(
    begin: Begin, home: Path, server: BlobServer, tree: Path
) -> None:
    run = begin(settings={"url": server.url})
    log_everything(run, tree)
    run.finish()
    assert all_there(server, home)
    assert server.problems == []
    big = [offset for digest, offset, size in server.pieces if size == PIECE]
    assert big == [0, PIECE]


@pytest.mark.parametrize("fault", [0, 500, 503, 404, 429])
def test_trouble_is_overcome(
    begin: Begin,
    home: Path,
    server: BlobServer,
    tree: Path,
    fault: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Four of ten requests fail: five seconds without luck do come, and are not the question here.
    monkeypatch.setattr(silence, "PATIENCE_S", 60.0)
    rng = random.Random(SEED)
    server.faults = (fault if rng.random() < 0.4 else None for _ in itertools.count())
    run = begin(settings={"url": server.url, "exit_timeout": 60})
    log_everything(run, tree)
    run.finish()
    assert all_there(server, home), f"seed {SEED}"
    assert server.problems == []


def test_a_blob_goes_on_from_the_bytes_that_the_server_holds(
    begin: Begin, home: Path, server: BlobServer, tree: Path
) -> None:
    run = begin(mode="offline")
    digest = run.log_artifact(tree / "big.bin").manifest.entries["big.bin"].digest
    run.finish()
    assert digest is not None
    server.parts[digest] = bytearray((tree / "big.bin").read_bytes()[: 11 * 1024 * 1024])
    report = sync_journals(home, server.url)
    assert report.problems == []
    assert [offset for d, offset, _ in server.pieces if d == digest] == [
        11 * 1024 * 1024, 19 * 1024 * 1024,
    ]  # fmt: skip
    assert all_there(server, home)


def test_a_refusal_ends_sending_of_blobs_only(
    begin: Begin, home: Path, server: BlobServer, tree: Path
) -> None:
    server.faults = itertools.repeat(403)
    run = begin(settings={"url": server.url})
    log_everything(run, tree)
    run.finish()
    assert server.blobs == {}
    assert sum(map(len, server.journals.values())) > 64
    server.faults = iter(())
    sync_journals(home, server.url)
    assert all_there(server, home)


def test_numbers_do_not_wait_for_a_blob_that_is_stuck(
    begin: Begin, server: BlobServer, tree: Path
) -> None:
    """The server takes no blobs; the journal goes on beside them, and the exit is timely."""
    server.faults = itertools.repeat(503)
    run = begin(settings={"url": server.url, "exit_timeout": 2})
    run.log_artifact(tree, name="data", type="dataset")
    run.log({"loss": 1.0})
    deadline = time.monotonic() + 60
    while run._session._sender.waiting:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    begun = time.monotonic()
    run.finish()
    assert time.monotonic() - begun < 60


def test_an_answer_from_before_the_last_records_does_not_end_the_wait(
    begin: Begin, home: Path, server: BlobServer
) -> None:
    """The server says that it wants nothing; before that arrives, the run records a blob."""
    made, given = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if path.endswith("/wanted") and not made.is_set():
            made.set()
            given.wait(60)

    server.gate = hold
    run = begin(settings={"url": server.url, "exit_timeout": 60})
    run.log({"loss": 1.0})
    uploader = run._session.objects and run._session._uploader
    assert made.wait(60)
    stored = keep(Blobs(home), [1, 2, 3])
    commit_output(run, stored, name="n", step="s", output="o", pipeline_run="r")
    before = uploader._asked_for
    ending = threading.Thread(target=run.finish)
    ending.start()
    deadline = time.monotonic() + 60
    while uploader._asked_for == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    given.set()
    ending.join(60)
    assert all_there(server, home)


def test_sync_finishes_the_spool_of_a_killed_process(home: Path, server: BlobServer) -> None:
    done = run_script(
        """
        import numpy as np, os, signal
        run = epochal.init(project="p", mode="offline", settings=QUIET)
        for i in range(50):
            run.log({"image": epochal.Image(np.full((64, 64), i, np.uint8))})
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        home,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    report = sync_journals(home, server.url)
    assert report.problems == []
    assert len(server.blobs) == 50
    assert server.wanted() == {}


def test_sizes_are_written_for_people() -> None:
    assert [read_size(n) for n in (0, 1023, 1536, 1.2 * 2**30)] == [
        "0 B", "1023 B", "1.5 KiB", "1.2 GiB",
    ]  # fmt: skip


def test_the_real_server_takes_media_files_and_artifacts(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in the home of the process lies in that of the server after finish."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir(mode=0o700)
    real = start_server(there, log=tmp_path / "server.log")
    try:
        monkeypatch.setenv("EPOCHAL_HOME", str(here))
        settings = {**QUIET, "url": real.url, "exit_timeout": 60}
        with epochal.init(project="tests", settings=settings) as run:
            log_everything(run, tree)
        assert set(Blobs(there).digests()) == set(Blobs(here).digests())
    finally:
        real.process.terminate()
        real.process.wait(60)
