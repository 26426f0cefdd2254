"""Offline runs of the real client come in whole, once, whatever happened to their files."""

from __future__ import annotations

import math
import os
import struct
import time
import zlib
from pathlib import Path

import pytest

from epochal.api import connect
from epochal.errors import EpochalError, InvalidInput, NewerFormat, NotFound
from epochal.imports.outcome import Outcome
from epochal.imports.wandb import Importer
from epochal.imports.wandb.log import BLOCK, LogFile
from tests.imports.wandb.conftest import file_of

MEDIA = {
    "hist": ["histogram"],
    "image": ["image"],
    "many": ["image", "image"],
    "table": ["table"],
    "html": ["html"],
    "bars": ["plot"],
    "bars_table": ["table"],
}


def bring(home: Path, place: Path, *, follow_links: bool = False) -> Outcome:
    with Importer(home, place, follow_links=follow_links) as importer:
        importer.carry()
        return importer.outcome


def test_a_run_is_as_the_client_logged_it(home: Path, runs: Path) -> None:
    """Config, history, summary, attributes, state, console and system metrics."""
    outcome = bring(home, runs)
    assert sorted(outcome.runs) == ["digits/first", "digits/second"]
    assert outcome.problems == []
    run = connect(home=home).run("digits/abc123")
    assert (run.name, run.state, run.notes) == ("first", "finished", "a note")
    assert (run.tags, run.group, run.job_type) == (["a", "b"], "g", "train")
    assert run.config == {"lr": 0.1, "opt": {"name": "adam", "betas": [0.9, 0.99]}, "late": 5}
    loss = run.series("loss")
    assert loss.step.tolist() == list(range(50))
    assert loss.value.tolist() == [1 / (step + 1) for step in range(50)]
    assert run.series("nested.a").value.tolist() == list(range(50))
    assert all(math.isnan(value) for value in run.series("nested.b.c").value)
    assert (run.summary["best"], run.summary["word"]) == (0.99, "w49")
    assert "system/proc.cpu.threads" in run.metrics
    lines = list(run.logs())
    assert lines[:2] == ["epoch 0", "epoch 1"]
    assert "progress 3" in lines
    assert "an error line" in lines
    assert not any("progress 1" in line for line in lines)
    failed = connect(home=home).run("digits/def456")
    assert (failed.state, failed.exit_code) == ("failed", 3)


def test_media_are_what_was_logged(home: Path, runs: Path) -> None:
    """From the files beside; histograms from the history."""
    bring(home, runs)
    run = connect(home=home).run("digits/abc123")
    kinds = {key: [item.kind for item in run.media(key)] for key in MEDIA}
    assert kinds == MEDIA
    (image,) = run.media("image")
    assert image.meta["caption"] == "black"
    assert {"output.log", "requirements.txt"} <= {file.path for file in run.files()}


def test_artifacts_come_with_their_bytes(home: Path, runs: Path) -> None:
    """From the client's staging folder, checked by their digest; references stay references."""
    bring(home, runs)
    version = connect(home=home).artifact("digits/ds:best")
    assert (version.type, version.metadata, version.description) == ("dataset", {"n": 3}, "d")
    assert {entry.path for entry in version.files()} == {"saved.txt", "ref"}


def test_artifacts_without_their_bytes_are_told(
    home: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest may name any file of this machine: only the staging folder is read."""
    monkeypatch.setenv("WANDB_DATA_DIR", str(home / "elsewhere"))
    outcome = bring(home, runs)
    assert outcome.left["artifacts whose files are not here"] == 3  # ds and two tables
    assert connect(home=home).artifacts("digits") == []


def test_links_are_followed_only_on_demand(home: Path, runs: Path) -> None:
    """``run.save`` leaves a link, which could lead anywhere."""
    sentence = "saved files that are links: add --follow-links to bring them in"
    assert bring(home, runs).left[sentence] == 1
    assert "saved.txt" not in {f.path for f in connect(home=home).run("digits/abc123").files()}
    assert bring(home, runs, follow_links=True).left[sentence] == 0
    assert "saved.txt" in {f.path for f in connect(home=home).run("digits/abc123").files()}


def test_again_nothing_is_new(home: Path, runs: Path) -> None:
    bring(home, runs)
    again = bring(home, runs)
    assert (again.runs, again.same, sum(again.counts.values())) == ([], 2, 0)


def test_a_file_that_grows_is_gone_on_with(home: Path, runs: Path) -> None:
    """A client that still writes, or was killed: each import brings what was whole by then."""
    path = file_of(runs, "abc123")
    whole = path.read_bytes()
    seen = 0
    for size in (len(whole) // 4, len(whole) // 2, len(whole) * 3 // 4, len(whole)):
        path.write_bytes(whole[:size])
        bring(home, runs)
        loss = connect(home=home).run("digits/abc123").series("loss")
        assert loss.step.tolist() == list(range(len(loss.step)))
        assert len(loss.step) >= seen
        seen = len(loss.step)
    assert seen == 50
    run = connect(home=home).run("digits/abc123")
    assert run.state == "finished"
    lines = [line for line in run.logs() if line.startswith("epoch")]
    assert lines == [f"epoch {step}" for step in range(50)]
    assert len(run.media("image")) == 1
    assert [event.title for event in run.events] == ["a title"]


def test_a_run_without_an_end_runs_and_then_has_crashed(home: Path, runs: Path) -> None:
    """By whether its file rests."""
    path = file_of(runs, "abc123")
    path.write_bytes(path.read_bytes()[:-40])
    bring(home, runs)
    assert connect(home=home).run("digits/abc123").state == "running"
    old = time.time() - 3600
    os.utime(path, (old, old))
    bring(home, runs)
    assert connect(home=home).run("digits/abc123").state == "crashed"


def test_damage_loses_no_more_than_its_block(home: Path, runs: Path) -> None:
    """The rest is read, and the report says that something is missing."""
    path = file_of(runs, "abc123")
    data = bytearray(path.read_bytes())
    start = data.index(b"w7")
    data[start] ^= 0xFF
    path.write_bytes(data)
    outcome = bring(home, runs)
    assert any("damaged places" in text for text in outcome.problems)
    log = LogFile(path)
    assert len(list(log)) > 0
    assert log.damaged == 1


def test_records_longer_than_a_block_are_put_together(tmp_path: Path) -> None:
    """Chunks never cross a block, and the first block is seven bytes shorter."""
    payloads = [b"x" * size for size in (1, BLOCK - 14 - 5, 3, 3 * BLOCK, BLOCK - 7, 0, 9)]
    path = tmp_path / "run-a.wandb"
    path.write_bytes(packed(payloads))
    log = LogFile(path)
    assert list(log) == payloads
    assert (log.damaged, log.torn) == (0, 0)
    path.write_bytes(packed(payloads)[:-3])
    assert list(log) == payloads[:-1]
    assert log.torn == 13


def packed(payloads: list[bytes]) -> bytes:
    """Records as the client's log writer lays them out."""
    out = bytearray(b":W&B" + (0xBEE1).to_bytes(2, "little") + b"\0")
    for payload in payloads:
        rest, first = payload, True
        while True:
            room = BLOCK - len(out) % BLOCK
            if room < 7:
                out += bytes(room)
                continue
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = (1 if first else 4) if not rest else (2 if first else 3)
            body = bytes([kind]) + part
            out += struct.pack("<IH", zlib.crc32(body), len(part)) + body
            first = False
            if not rest:
                break
    return bytes(out)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"hello world", InvalidInput, "is no .wandb file"),
        (b"", InvalidInput, "is empty"),
        (b":W&B\xe1\xbe\x07", NewerFormat, "version 7"),
    ],
    ids=["a text", "empty", "a newer version"],
)
def test_a_file_of_another_kind_is_told(
    home: Path, tmp_path: Path, data: bytes, error: type[EpochalError], words: str
) -> None:
    """It stops no other run."""
    folder = tmp_path / "offline-run-1"
    folder.mkdir()
    (folder / "run-a.wandb").write_bytes(data)
    with pytest.raises(error, match=words):
        LogFile(folder / "run-a.wandb")
    assert words in bring(home, tmp_path).problems[0]


def test_a_file_that_holds_only_its_head_is_told(home: Path, tmp_path: Path) -> None:
    """What a client that was killed early leaves."""
    (tmp_path / "run-a.wandb").write_bytes(b":W&B\xe1\xbe\0")
    assert "ended before it wrote anything" in bring(home, tmp_path).problems[0]


def test_the_mark_of_a_run_that_was_synced_is_no_run(home: Path, tmp_path: Path) -> None:
    """``wandb sync`` leaves an empty file beside the one that it sent."""
    (tmp_path / "run-a.wandb").write_bytes(b":W&B\xe1\xbe\0")
    (tmp_path / "run-a.wandb.synced").touch()
    (told,) = bring(home, tmp_path).problems
    assert "run-a.wandb.synced" not in told


def test_a_directory_without_runs_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there are no runs below"):
        Importer(home, tmp_path)
    with pytest.raises(NotFound, match="there is no directory"):
        Importer(home, tmp_path / "missing")
