"""`SummaryWriter` inside of a run: what it writes is in the run, live and to the last point."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorboardX
import torch
from torch.utils import tensorboard as of_torch

import epochal
from tests.client.scripts import QUIET, read_home, run_script

WRITERS = [
    pytest.param(of_torch.SummaryWriter, id="torch"),
    pytest.param(tensorboardX.SummaryWriter, id="tensorboardX"),
]
both = pytest.mark.parametrize("writer", WRITERS)
Wait = Callable[..., Any]


def begin(**arguments: Any) -> epochal.Run:
    return epochal.init(project="p", settings=QUIET, sync_tensorboard=True, **arguments)


def points(home: Path, key: str) -> list[tuple[int, Any]]:
    return [point for told in read_home(home) for point in told.points(key)]


@both
def test_scalars_arrive_while_the_writer_is_open(
    writer: Any, home: Path, tmp_path: Path, wait_for: Wait
) -> None:
    """Beside what the run logs itself; nothing is closed or flushed."""
    run = begin()
    log = writer(str(tmp_path / "logs"))
    for step in range(3):
        log.add_scalar("Loss/train", step / 4, step)
    run.log({"own": 1.0})
    wait_for(lambda: len(points(home, "Loss/train")) == 3, 30.0)
    for step in range(3, 50):
        log.add_scalar("Loss/train", step / 4, step)
    run.finish()
    log.close()
    assert points(home, "Loss/train") == [(step, step / 4) for step in range(50)]
    assert points(home, "own") == [(0, 1.0)]
    assert len(read_home(home)) == 1


@both
def test_images_histograms_texts_and_hyperparameters_belong_to_the_run(
    writer: Any, home: Path, tmp_path: Path
) -> None:
    run = begin()
    log = writer(str(tmp_path / "logs"))
    log.add_image("seen", np.zeros((3, 4, 5), np.uint8), 1)
    log.add_histogram("weights", np.arange(10.0), 2)
    log.add_text("note", "words", 3)
    log.add_scalars("Acc", {"val": 0.5, "train": 0.75}, 4)
    log.add_hparams({"lr": 0.25}, {"best": 0.5})
    log.close()
    run.finish()
    (found,) = epochal.runs("p")
    assert {media.key for media in found.media_keys()} == {"seen", "weights", "note"}
    assert found.media("seen")[0].to_pil().size == (5, 4)
    assert found.series("Acc/val").value.tolist() == [0.5]
    assert found.config == {"lr": 0.25}
    assert found.series("best").value.tolist() == [0.5]


def test_another_directory_stands_below_its_name(home: Path, tmp_path: Path) -> None:
    """Two writers with the same tags, as in `logs/train` and `logs/val`, do not mix."""
    run = begin()
    for name in ("train", "val"):
        with of_torch.SummaryWriter(str(tmp_path / "logs" / name)) as log:
            log.add_scalar("loss", 1.0, 0)
            log.add_scalar("acc", 1.0, 0)
            log.add_scalars("both", {"a": 1.0}, 0)
    run.finish()
    keys = {name for told in read_home(home) for names, _, _ in told.rows for name in names}
    assert keys == {"loss", "acc", "both/a", "val/loss", "val/acc", "val/both/a"}


def test_a_writer_older_than_the_run_and_one_that_outlives_it(home: Path, tmp_path: Path) -> None:
    """Every point is in one run: that in which it was found."""
    with of_torch.SummaryWriter(str(tmp_path / "logs")) as log:
        log.add_scalar("a", 0.0, 0)
        for number in (1, 2):
            run = begin(id=f"run{number}")
            log.add_scalar("a", float(number), number)
            run.finish()
    first, second = read_home(home)
    assert first.points("a") == [(0, 0.0), (1, 1.0)]
    assert second.points("a") == [(2, 2.0)]


@both
def test_embeddings_traces_and_graphs_are_files_of_the_run(
    writer: Any, home: Path, tmp_path: Path
) -> None:
    """Those that were written meanwhile; a second directory's stand below its name."""
    logs = tmp_path / "logs"
    logs.mkdir()
    old = logs / "worker.1.pt.trace.json"
    old.write_text("{}")
    os.utime(old, (1.0, 1.0))
    run = begin()
    with writer(str(logs)) as first, writer(str(logs / "val")) as second:
        first.add_scalar("loss", 1.0, 0)
        first.add_embedding(torch.eye(3), metadata=["a", "b", "c"], global_step=1, tag="words")
        for log in (first, second):
            log.add_graph(torch.nn.Linear(2, 2), torch.rand(1, 2))
        (logs / "worker.2.pt.trace.json").write_text('{"traceEvents": []}')
        (logs / "val" / "worker.3.pt.trace.json").write_text("{}")
    run.finish()
    (found,) = epochal.runs("p")
    files = {file.path.removeprefix("tensorboard/") for file in found.files()}
    assert {name for name in files if "trace" in name} == {
        "worker.2.pt.trace.json", "val/worker.3.pt.trace.json",
    }  # fmt: skip
    assert {"graph.pb", "val/graph.pb", "projector_config.pbtxt"} <= files
    (tensors,) = [name for name in files if name.endswith("/words/tensors.tsv")]
    (here,) = logs.glob("*/words/tensors.tsv")
    assert tensors == here.relative_to(logs).as_posix()
    trace = found.file("tensorboard/worker.2.pt.trace.json").download(tmp_path / "back")
    assert Path(trace).read_text() == '{"traceEvents": []}'


def test_a_log_directory_that_vanishes_costs_what_was_not_read(
    home: Path, tmp_path: Path, wait_for: Wait
) -> None:
    """Deleted while it is followed: what was recorded stays, and the run goes on."""
    logs = tmp_path / "logs"
    run = begin()
    log = tensorboardX.SummaryWriter(str(logs))
    log.add_scalar("a", 1.0, 0)
    wait_for(lambda: points(home, "a") == [(0, 1.0)], 30.0)
    shutil.rmtree(logs)
    run.log({"own": 1.0})
    run.finish()
    log.close()
    assert points(home, "a") == [(0, 1.0)]
    assert points(home, "own") == [(0, 1.0)]
    assert [told.finish.state for told in read_home(home) if told.finish] == ["finished"]


def test_a_purge_hides_nothing_of_the_run(home: Path, tmp_path: Path) -> None:
    """A restart's mark is about event files; the points that the run logged itself stay."""
    run = begin()
    for step in range(5):
        run.log({"own": float(step)})
    with of_torch.SummaryWriter(str(tmp_path / "logs"), purge_step=2) as log:
        log.add_scalar("a", 1.0, 2)
    run.finish()
    (found,) = epochal.runs("p")
    assert len(found.series("own")) == 5
    assert found.series("a").step.tolist() == [2]


def test_without_being_asked_nothing_is_followed(home: Path, tmp_path: Path) -> None:
    with epochal.init(project="p", settings=QUIET):
        log = tensorboardX.SummaryWriter(str(tmp_path / "logs"))
        log.add_scalar("a", 1.0, 0)
        log.close()
    assert points(home, "a") == []


SCRIPT = """
run = epochal.init(project="p", settings=QUIET, sync_tensorboard=True)
from {module} import SummaryWriter
log = SummaryWriter({logs!r})
for step in range(200):
    log.add_scalar("a", step, step)
"""


@pytest.mark.parametrize("module", ["torch.utils.tensorboard", "tensorboardX"])
def test_a_script_that_closes_nothing_has_all_its_points(
    module: str, home: Path, tmp_path: Path
) -> None:
    """The writer is imported after `init`, and the end of the process ends the run."""
    done = run_script(SCRIPT.format(module=module, logs=str(tmp_path / "logs")), home)
    assert done.returncode == 0, done.stderr
    assert points(home, "a") == [(step, float(step)) for step in range(200)]
