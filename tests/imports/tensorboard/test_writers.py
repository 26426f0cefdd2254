"""Event files of the real writers, point for point beside TensorBoard's own reader."""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorboardX
import torch
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.util import tensor_util
from torch.utils import tensorboard as of_torch

from epochal.domain.encode import encode_image, pack_array
from epochal.imports.tensorboard import import_directory
from tests.imports.tensorboard.events import (
    NAME,
    points_of,
    points_of_tensorboard,
    runs_of,
    write,
)

WRITERS = [
    pytest.param(of_torch.SummaryWriter, id="torch"),
    pytest.param(tensorboardX.SummaryWriter, id="tensorboardX"),
]
Writer = Callable[[str], Any]
PNG = encode_image(pack_array((1, 2, 1), 1) + b"\0\xff").data
both = pytest.mark.parametrize("writer", WRITERS)


def bring(home: Path, logdir: Path) -> Any:
    """The only run after an import without problems."""
    report = import_directory(home, logdir, "p")
    assert report.problems == {}
    (run,) = runs_of(home, "p").values()
    return run


@both
def test_every_scalar_is_there_with_its_exact_float32(
    home: Path, tmp_path: Path, writer: Writer
) -> None:
    """2,000 points of each of many tags, none sampled; NaN and infinities too."""
    rng = np.random.default_rng(1)
    with writer(str(tmp_path / "logs" / "a")) as log:
        for step in range(2000):
            for tag in ("Loss/train", "Loss/test", "lr", "a tag with spaces é"):
                log.add_scalar(tag, rng.normal() * 10.0 ** rng.integers(-30, 30), step)
        for step, odd in enumerate((math.nan, math.inf, -math.inf, 0.0)):
            log.add_scalar("odd", odd, step)
    run = bring(home, tmp_path / "logs")
    expected = points_of_tensorboard(tmp_path / "logs" / "a")
    assert len(expected) == 5
    for tag, points in expected.items():
        found = points_of(run, tag)
        assert [step for step, _ in found] == [step for step, _ in points]
        bits = [[struct.pack("<d", value) for _, value in some] for some in (found, points)]
        assert bits[0] == bits[1]


@both
def test_steps_that_go_back_and_repeat_are_kept(
    home: Path, tmp_path: Path, writer: Writer
) -> None:
    """TensorBoard's default server drops most of these."""
    steps = [epoch * 9 + sample for epoch in range(5) for sample in (0, 100, 200, 200)]
    with writer(str(tmp_path / "logs")) as log:
        for number, step in enumerate(steps):
            log.add_scalar("loss", number, step)
    found = points_of(bring(home, tmp_path / "logs"), "loss")
    assert found == [(step, number) for number, step in enumerate(steps)]


def test_tensor_scalars_are_floats_of_their_own_width(home: Path, tmp_path: Path) -> None:
    """The new style, single and double precision, many and few."""
    with of_torch.SummaryWriter(str(tmp_path / "logs")) as log:
        for step in range(50):
            log.add_scalar("double", step / 3, step, new_style=True, double_precision=True)
            log.add_scalar("single", step / 3, step, new_style=True)
    run = bring(home, tmp_path / "logs")
    assert points_of(run, "double") == [(step, step / 3) for step in range(50)]
    single = [(step, float(np.float32(step / 3))) for step in range(50)]
    assert points_of(run, "single") == single


@both
def test_images_keep_their_bytes(home: Path, tmp_path: Path, writer: Writer) -> None:
    """The PNG that was written is the blob."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 8, 12), dtype=np.uint8)
    with writer(str(tmp_path / "logs")) as log:
        log.add_image("cat", pixels, 7)
    (item,) = bring(home, tmp_path / "logs").media("cat")
    assert (item.kind, item.step) == ("image", 7)
    assert (item.meta["width"], item.meta["height"]) == (12, 8)
    shown = np.asarray(Image.open(io.BytesIO(item.data())))
    assert np.array_equal(shown.transpose(2, 0, 1), pixels)


def test_audio_is_the_wav_that_was_written(home: Path, tmp_path: Path) -> None:
    """With its sample rate and duration."""
    with of_torch.SummaryWriter(str(tmp_path / "logs")) as log:
        log.add_audio("beep", torch.linspace(-1, 1, 800)[None], 2, sample_rate=8000)
    (item,) = bring(home, tmp_path / "logs").media("beep")
    assert item.meta == {"sample_rate": 8000, "channels": 1, "duration": 0.1}
    with wave.open(io.BytesIO(item.data())) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (8000, 800)


@both
def test_histograms_keep_every_count(home: Path, tmp_path: Path, writer: Writer) -> None:
    """Between edges that rise, with the extremes and moments that were written."""
    values = np.random.default_rng(3).normal(size=1000)
    with writer(str(tmp_path / "logs")) as log:
        log.add_histogram("w", values, 4)
        log.add_histogram("zeros", np.zeros(10), 4)
    run = bring(home, tmp_path / "logs")
    (item,) = run.media("w")
    edges, counts = item.meta["edges"], item.meta["counts"]
    assert len(edges) == len(counts) + 1
    assert edges == sorted(edges)
    assert sum(counts) == 1000
    assert [sum(values <= edge) for edge in edges[1:]] == np.cumsum(counts).tolist()
    assert item.meta["stats"]["min"] == values.min()
    assert item.meta["stats"]["std"] == pytest.approx(values.std())
    (zeros,) = run.media("zeros")
    assert sum(zeros.meta["counts"]) == 10


@both
def test_texts_are_markdown_under_their_own_tag(
    home: Path, tmp_path: Path, writer: Writer
) -> None:
    """Short ones inline, long ones as blobs."""
    with writer(str(tmp_path / "logs")) as log:
        log.add_text("note", "**bold** é", 1)
        log.add_text("long", "x" * 5000, 1)
    run = bring(home, tmp_path / "logs")
    (note,), (long,) = run.media("note"), run.media("long")
    assert (note.kind, note.meta["text"]) == ("markdown", "**bold** é")
    assert long.data() == b"x" * 5000


@both
def test_hyperparameters_go_to_the_run_that_logged_them(
    home: Path, tmp_path: Path, writer: Writer
) -> None:
    """Not to a run of their own; with the metrics beside them."""
    with writer(str(tmp_path / "logs" / "a")) as log:
        log.add_scalar("loss", 1.0, 0)
        log.add_hparams({"lr": 0.5, "layers": 3, "opt": "adam"}, {"hparam/acc": 0.75})
    run = bring(home, tmp_path / "logs")
    assert run.name == "a"
    assert dict(run.config) == {"lr": 0.5, "layers": 3, "opt": "adam"}
    assert [value for _, value in points_of(run, "hparam/acc")] == [0.75]
    assert run.state == "finished"


@both
def test_add_scalars_go_to_the_run_that_logged_them(
    home: Path, tmp_path: Path, writer: Writer
) -> None:
    """As one series for each key, below the tag."""
    with writer(str(tmp_path / "logs" / "a")) as log:
        log.add_scalar("loss", 1.0, 0)
        for step in range(20):
            log.add_scalars("Acc/all", {"train": step, "val": 2 * step}, step)
    run = bring(home, tmp_path / "logs")
    assert points_of(run, "Acc/all/train") == [(step, step) for step in range(20)]
    assert points_of(run, "Acc/all/val") == [(step, 2 * step) for step in range(20)]


def test_runs_below_runs_stay_runs(home: Path, tmp_path: Path) -> None:
    """Only what add_scalars and add_hparams made is folded."""
    for name, tag in (("a", "x"), ("a/b", "x"), ("a/x_1", "y"), ("a/x/z", "other")):
        with of_torch.SummaryWriter(str(tmp_path / "logs" / name)) as log:
            log.add_scalar(tag, 1.0, 0)
    import_directory(home, tmp_path / "logs", "p")
    runs = runs_of(home, "p")
    assert sorted(runs) == ["a", "a/b", "a/x/z", "a/x_1"]
    assert runs["a/b"].group == "a"


def test_pr_curves_have_their_points_and_area(home: Path, tmp_path: Path) -> None:
    """Recall and precision by threshold, with the counts behind them."""
    with of_torch.SummaryWriter(str(tmp_path / "logs")) as log:
        labels, scores = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.9, 0.8, 0.3, 0.7])
        log.add_pr_curve("pr", labels, scores, 3)
    (item,) = bring(home, tmp_path / "logs").media("pr")
    (series,) = item.meta["spec"]["series"]
    assert (item.meta["type"], item.step) == ("pr", 3)
    assert len(series["x"]) == len(series["thresholds"]) == 127
    assert series["tp"][0] == 3
    assert series["fp"][0] == 2
    assert series["ap"] == pytest.approx(1.0)


def test_meshes_become_objects(home: Path, tmp_path: Path) -> None:
    """With faces an OBJ with colors; without, points."""
    points = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]])
    colors = torch.tensor([[[255, 0, 0]] * 4])
    with of_torch.SummaryWriter(str(tmp_path / "logs")) as log:
        log.add_mesh("solid", points, colors, torch.tensor([[[0, 1, 2], [0, 2, 3]]]), None, 5)
        log.add_mesh("cloud", points, None, None, None, 5)
    run = bring(home, tmp_path / "logs")
    (solid,), (cloud,) = run.media("solid"), run.media("cloud")
    lines = solid.data().decode().splitlines()
    assert lines[1] == "v 1 0 0 1 0 0"
    assert lines[-2:] == ["f 1 2 3", "f 1 3 4"]
    assert np.frombuffer(cloud.data(), "<f4").reshape(4, 3).tolist() == points[0].tolist()


def test_graphs_layouts_embeddings_and_traces_are_kept_as_files(
    home: Path, tmp_path: Path
) -> None:
    """Nothing that lies there is lost."""
    place = tmp_path / "logs" / "a"
    with of_torch.SummaryWriter(str(place)) as log:
        log.add_graph(torch.nn.Linear(2, 1), torch.zeros(1, 2))
        log.add_custom_scalars({"c": {"both": ["Multiline", ["x", "y"]]}})
        log.add_embedding(torch.eye(3), ["a", "b", "c"], tag="emb")
    (place / "host.1.pt.trace.json").write_text("{}")
    run = bring(home, tmp_path / "logs")
    files = {file.path: file for file in run.files()}
    assert {
        "tensorboard/graph.pb",
        "tensorboard/custom_scalars.json",
        "tensorboard/projector_config.pbtxt",
        "tensorboard/00000/emb/tensors.tsv",
        "tensorboard/00000/emb/metadata.tsv",
        "tensorboard/host.1.pt.trace.json",
    } <= set(files)
    assert b'"x"' in files["tensorboard/custom_scalars.json"].read()
    assert files["tensorboard/host.1.pt.trace.json"].read() == b"{}"


@both
def test_a_purge_step_hides_what_a_crashed_process_wrote_from_it_on(
    home: Path, tmp_path: Path, writer: Writer
) -> None:
    """As TensorBoard shows it, with the rest kept in the journal."""
    place = str(tmp_path / "logs")
    with writer(place) as log:
        for step in range(10):
            log.add_scalar("loss", step, step)
    with writer(place, purge_step=5, filename_suffix=".again") as log:  # type: ignore[call-arg]
        for step in range(5, 8):
            log.add_scalar("loss", -step, step)
    found = points_of(bring(home, tmp_path / "logs"), "loss")
    again = [(step, -step) for step in range(5, 8)]
    assert found == [*((step, step) for step in range(5)), *again]


def test_batches_of_images_and_histograms_as_tensors_are_read(home: Path, tmp_path: Path) -> None:
    """The forms that TensorFlow 2 writes."""
    tensors = {
        "images": np.array([b"2", b"1", PNG, PNG], dtype=object),
        "audio": np.array([[b"RIFF....", b"a label"]], dtype=object),
        "histograms": np.array([[0.0, 1.0, 3.0], [1.0, 2.0, 0.0], [2.0, 3.0, 4.0]]),
        "text": np.array([["a", "b"], ["c|d", "e"]], dtype=object),
        "scalars": np.array(7, np.int64),
        "unheard_of": np.arange(3),
    }
    values = [
        Summary.Value(
            tag=plugin,
            tensor=tensor_util.make_tensor_proto(tensor),
            metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin)),
        )
        for plugin, tensor in tensors.items()
    ]
    write(tmp_path / "logs" / NAME, Event(wall_time=1.7e9, step=3, summary=Summary(value=values)))
    run = bring(home, tmp_path / "logs")
    images = run.media("images")
    assert [item.data() for item in images] == [PNG, PNG]
    assert run.media("audio")[0].meta["caption"] == "a label"
    (histogram,) = run.media("histograms")
    assert histogram.meta["edges"] == [0.0, 1.0, 2.0, 3.0]
    assert histogram.meta["counts"] == [3, 0, 4]
    (text,) = run.media("text")
    assert text.meta["text"] == "| a | b |\n| --- | --- |\n| c\\|d | e |"
    assert points_of(run, "scalars") == [(3, 7)]
    assert [file.path for file in run.files()] == ["tensorboard/unheard_of/unheard_of/3.pb"]


def test_metadata_is_remembered_from_one_event_and_import_to_the_next(
    home: Path, tmp_path: Path
) -> None:
    """Writers say it with the first value of a tag only."""
    tensor = tensor_util.make_tensor_proto(np.array([[0.0, 1.0, 2.0]]))
    plugin = SummaryMetadata.PluginData(plugin_name="histograms")
    first = Summary.Value(tag="h", tensor=tensor, metadata=SummaryMetadata(plugin_data=plugin))
    later = Summary.Value(tag="h", tensor=tensor)
    path = tmp_path / "logs" / NAME
    for count in range(1, 4):
        values = [first, later, later][:count]
        write(path, *(
            Event(wall_time=1.7e9, step=step, summary=Summary(value=[value]))
            for step, value in enumerate(values)
        ))  # fmt: skip
        run = bring(home, tmp_path / "logs")
    assert [item.kind for item in run.media("h")] == ["histogram"] * 3
