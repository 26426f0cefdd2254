"""What is exported as event files is what TensorBoard itself reads there."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from epochal.api import connect
from epochal.exports import messages, records
from epochal.imports.tensorboard import import_directory
from tests.cli.conftest import run_cli


def accumulated(place: Path) -> EventAccumulator:
    """TensorBoard's own reading, without sampling."""
    kinds = ("scalars", "images", "histograms", "tensors", "audio")
    reader = EventAccumulator(str(place), size_guidance=dict.fromkeys(kinds, 0))
    reader.Reload()
    return reader


def single(value: float) -> float:
    return float(np.float32(value))


def test_tensorboard_reads_every_point(shared: Path, tmp_path: Path) -> None:
    """Steps that repeat and go back, NaN and infinities; one directory per run."""
    place = tmp_path / "logs"
    done = run_cli("export", "mnist", "-f", "tensorboard", "-o", str(place), home=shared)
    assert done.returncode == 0, done.stderr
    runs = {run.id: run for run in connect(home=shared).runs("mnist")}
    places = {"alpha": "first run", "beta": "twin-beta", "gamma": "twin-gamma"}
    assert {folder.name for folder in place.iterdir()} == set(places.values())
    for id, name in places.items():
        reader = accumulated(place / name)
        assert set(reader.Tags()["scalars"]) == set(runs[id].metrics)
        for key in runs[id].metrics:
            points = runs[id].series(key)
            events = reader.Scalars(key)
            assert [event.step for event in events] == points.step.tolist()
            assert [event.wall_time for event in events] == [t / 1e6 for t in points.time]
            pairs = zip(events, points.value.tolist(), strict=True)
            assert all(
                event.value == single(value) or (math.isnan(event.value) and math.isnan(value))
                for event, value in pairs
            )


def test_config_and_state_are_hyperparameters(shared: Path, tmp_path: Path) -> None:
    """As the HParams tab wants them: numbers, words, and the end of the session."""
    place = tmp_path / "logs"
    run_cli("export", "mnist/alpha", "-f", "tensorboard", "-o", str(place), home=shared)
    reader = accumulated(place / "first run")
    content = reader.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    start = HParamsPluginData.FromString(content).session_start_info
    assert start.hparams["lr"].number_value == 0.1
    assert start.hparams["optim.name"].string_value == "adam"
    content = reader.summary_metadata["_hparams_/session_end_info"].plugin_data.content
    assert HParamsPluginData.FromString(content).session_end_info.status == 1


def test_media_are_what_was_logged(pristine_things: Path, tmp_path: Path) -> None:
    """Images with their bytes, histograms, texts; tables are told as left out."""
    place = tmp_path / "logs"
    done = run_cli(
        "export", "shop/maker", "-f", "tensorboard", "-o", str(place), home=pristine_things
    )
    assert "media that TensorBoard has no place for" in done.stderr
    run = connect(home=pristine_things).run("shop/maker")
    (folder,) = place.iterdir()
    reader = accumulated(folder)
    pictures = run.media("picture")
    assert [e.encoded_image_string for e in reader.Images("picture")] == [
        item.data() for item in pictures
    ]
    assert [(e.width, e.height) for e in reader.Images("many/1")] == [(12, 8)] * 3
    (weights,) = reader.Histograms("weights")
    assert (weights.histogram_value.num, weights.histogram_value.sum) == (4.0, 4.0)
    (words,) = reader.Tensors("words")
    assert words.tensor_proto.string_val == [b"hello"]


def test_our_own_importer_reads_the_same(home: Path, shared: Path, tmp_path: Path) -> None:
    """There and back, but for 32-bit floats."""
    place = tmp_path / "logs"
    run_cli("export", "mnist/beta", "-f", "tensorboard", "-o", str(place), home=shared)
    report = import_directory(home, place, project="back")
    assert report.problems == {}
    (run,) = connect(home=home).runs("back")
    old = connect(home=shared).run("mnist/beta")
    for key in old.metrics:
        assert run.series(key).step.tolist() == old.series(key).step.tolist()
        assert run.series(key).value.tolist() == [single(v) for v in old.series(key).value]


def test_an_existing_directory_is_kept_unless_forced(shared: Path, tmp_path: Path) -> None:
    """Then our own files are replaced and others stay."""
    place = tmp_path / "logs"
    for code in (0, 5):
        done = run_cli("export", "mnist", "-f", "tensorboard", "-o", str(place), home=shared)
        assert done.returncode == code
    other = place / "first run" / "events.out.tfevents.1.other"
    other.write_bytes(b"")
    done = run_cli(
        "export", "mnist", "-f", "tensorboard", "-o", str(place), "--force", home=shared
    )
    assert done.returncode == 0, done.stderr
    assert len(list((place / "first run").iterdir())) == 2
    assert other.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-f", "tensorboard", "-o", "-"], "need a directory"),
        (["-f", "tensorboard", "--long"], "--long is for tables"),
        (["-f", "html"], "a page shows one run"),
    ],
    ids=["standard output", "rows", "a page of many"],
)
def test_what_makes_no_sense_is_refused(
    shared: Path, tmp_path: Path, monkeypatch: Any, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_cli("export", "mnist", *arguments, home=shared)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert list(tmp_path.iterdir()) == []


EXTREMES = [0, 1, -1, 127, 128, 2**31, 2**63 - 1, -(2**63)]


def test_records_of_many_scalars_are_those_of_one(tmp_path: Path) -> None:
    """Any step and value, also those past 32 bits; checksums are TensorBoard's."""
    steps = np.array(EXTREMES, np.int64)
    wall = np.arange(len(steps), dtype=np.int64) + 1_700_000_000_000_000
    values = np.array([0.5, -0.0, 1e300, -1e300, math.nan, math.inf, -math.inf, 1e-45])
    path = tmp_path / "events.out.tfevents.1.x"
    parts = [records.frame(messages.version(1)), *records.scalars("ä/b", steps, wall, values)]
    path.write_bytes(b"".join(parts))
    events = accumulated(tmp_path).Scalars("ä/b")
    assert [event.step for event in events] == EXTREMES
    with np.errstate(over="ignore"):
        expected = values.astype(np.float32)
    got = np.array([event.value for event in events], np.float32)
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("write", "value"),
    [(messages.number, 300), (messages.number, -1), (messages.number, 0)],
    ids=["two bytes", "negative", "zero"],
)
def test_integers_are_those_of_protocol_buffers(write: Callable[..., bytes], value: int) -> None:
    from tensorboard.compat.proto.event_pb2 import Event

    assert Event.FromString(write(2, value)).step == value
    assert Event.FromString(messages.double(1, 1.5)).wall_time == 1.5
