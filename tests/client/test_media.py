"""Media in log(): nothing accepted is lost, nothing raises, and the caller waits for one write."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import plotly.graph_objects as go
import pytest
import torch

import epochal
from epochal.domain.record import BlobRef, Finish, Media, Stored
from epochal.errors import EpochalWarning
from epochal.journal import spool
from epochal.journal.blobs import Blobs
from epochal.journal.spool import finish_spool, spool_directory
from tests.client.scripts import PRELUDE, Told, read_home, run_script

Begin = Callable[..., epochal.Run]
PIXELS = np.random.default_rng(3).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def resolved(told: Told) -> list[tuple[str, int, list[dict[str, BlobRef]]]]:
    """Key, step and the blobs of every item, spool names replaced by what `Stored` says."""
    stored: dict[str, BlobRef] = {}
    for record in told.all(Stored):
        stored.update(record.blobs)
    out = []
    for media in told.all(Media):
        blobs = [
            {r: stored[b] if isinstance(b, str) else b for r, b in item.blobs.items()}
            for item in media.items
        ]
        out.append((media.key, media.step, blobs))
    return out


def log_thrice(run: epochal.Run, data: Callable[[], dict[str, Any]]) -> None:
    for _ in range(3):
        run.log(data())


def test_media_are_blobs_after_finish(begin: Begin, home: Path) -> None:
    run = begin()
    run.log({"image": epochal.Image(PIXELS), "loss": 0.5, "nested": {"h": epochal.Histogram([1])}})
    run.log({"image": [epochal.Image(PIXELS), epochal.Image(PIXELS[:4])]})
    run.finish()
    (told,) = read_home(home)
    assert [(key, step) for key, step, _ in resolved(told)] == [
        ("image", 0), ("nested.h", 0), ("image", 1),
    ]  # fmt: skip
    assert told.points("loss") == [(0, 0.5)]
    assert [media.many for media in told.all(Media)] == [False, False, True]
    blob = resolved(told)[0][2][0]["data"]
    Blobs(home).read(blob.digest)
    read = PIL.Image.open(Blobs(home).path(blob.digest))
    assert np.array_equal(np.asarray(read), PIXELS)
    assert isinstance(told.facts[-1], Finish)
    assert not os.path.exists(spool_directory(told.path))


def test_raw_objects_of_other_libraries_need_no_wrapper(begin: Begin, home: Path) -> None:
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    run = begin()
    run.log({"figure": figure, "pyplot": plt, "pil": PIL.Image.fromarray(PIXELS)})
    run.log({"plotly": go.Figure(go.Bar(y=[1, 2])), "list": [PIL.Image.fromarray(PIXELS)] * 2})
    run.finish()
    plt.close("all")
    (told,) = read_home(home)
    kinds = {media.key: [item.kind for item in media.items] for media in told.all(Media)}
    assert kinds == {
        "figure": ["image"], "pyplot": ["image"], "pil": ["image"], "plotly": ["plot"],
        "list": ["image", "image"],
    }  # fmt: skip


def test_media_in_the_summary_are_logged_at_the_last_step(begin: Begin, home: Path) -> None:
    run = begin()
    run.log({"loss": 1.0}, step=7)
    run.summary["best"] = epochal.Image(PIXELS)
    run.summary.update({"table": epochal.Table(columns=["a"], data=[[1]]), "acc": 0.5})
    assert run.summary["acc"] == 0.5
    run.finish()
    (told,) = read_home(home)
    assert {media.key for media in told.all(Media)} == {"best", "table"}


@pytest.mark.parametrize(
    "value",
    [
        lambda: plt,  # without a figure
        lambda: [epochal.Image(PIXELS), 7],
        lambda: torch.zeros(3, 4),
    ],
)
def test_what_cannot_be_shown_costs_one_warning(begin: Begin, home: Path, value: Any) -> None:
    plt.close("all")
    run = begin()
    with pytest.warns(EpochalWarning) as caught:
        log_thrice(run, lambda: {"x": value(), "loss": 1.0})
    assert [str(w.message) for w in caught if w.category is EpochalWarning][1:] == []
    run.finish()
    assert len(read_home(home)[0].points("loss")) == 3


KILLED = """
    import numpy as np, os, signal, sys
    run = epochal.init(project="p", settings=QUIET)
    rng = np.random.default_rng(0)
    for i in range(200):
        image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        run.log({"image": epochal.Image(image), "sum": int(image.sum())})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_sigkill_right_after_log_loses_no_image(home: Path) -> None:
    """What the living writer had not encoded yet is encoded by whoever reads the home next."""
    done = run_script(KILLED, home)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (path,) = home.glob("runs/*/*.ej")
    assert finish_spool(path) >= 1
    assert finish_spool(path) == 0
    (told,) = read_home(home)
    images = resolved(told)
    assert len(images) == 200
    for (_, step, items), (_, total) in zip(images, told.points("sum"), strict=True):
        data = Blobs(home).read(items[0]["data"].digest)
        assert data.startswith(b"\x89PNG"), step
        pixels = np.asarray(PIL.Image.open(Blobs(home).path(items[0]["data"].digest)))
        assert int(pixels.astype(np.int64).sum()) == total
    assert not os.path.exists(spool_directory(path))


@pytest.mark.slow
def test_kills_at_random_instants_lose_no_accepted_image(tmp_path: Path) -> None:
    """The count of accepted calls was told over a pipe before each kill."""
    source = PRELUDE + textwrap.dedent("""
        import numpy as np, sys
        run = epochal.init(project="p", settings=QUIET)
        image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        for i in range(10**6):
            run.log({"image": epochal.Image(image + np.uint8(i % 7))})
            sys.stdout.write(".")
            sys.stdout.flush()
    """)
    for number in range(8):
        home = tmp_path / str(number)
        env = {**os.environ, "EPOCHAL_HOME": str(home)}
        with subprocess.Popen(
            [sys.executable, "-c", source], stdout=subprocess.PIPE, env=env
        ) as p:
            assert p.stdout is not None
            accepted = len(p.stdout.read(20 + 60 * number))
            p.kill()
            accepted += len(p.stdout.read())
        (path,) = home.glob("runs/*/*.ej")
        finish_spool(path)
        (told,) = read_home(home)
        assert len(resolved(told)) >= accepted


def test_a_full_disk_costs_the_image_and_one_warning(
    begin: Begin, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin()
    run.log({"image": epochal.Image(PIXELS)})

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full)
        with pytest.warns(EpochalWarning, match="no room") as caught:
            log_thrice(run, lambda: {"image": epochal.Image(PIXELS), "loss": 1.0})
        assert [str(w.message) for w in caught if w.category is EpochalWarning][1:] == []
    run.log({"image": epochal.Image(PIXELS)})
    run.finish()
    (told,) = read_home(home)
    assert len(resolved(told)) == 2
    assert len(told.points("loss")) == 3


def test_images_of_a_journal_that_is_rotated_are_stored_in_it(begin: Begin, home: Path) -> None:
    run = begin()
    for step in range(30):
        run.log({"image": epochal.Image(PIXELS)}, step=step)
        if step % 10 == 9:
            run._session.rotate()
    run.finish()
    told = read_home(home)
    assert len(told) == 4
    assert [step for one in told for _, step, _ in resolved(one)] == list(range(30))


def test_a_forked_child_logs_images_into_its_own_spool(home: Path) -> None:
    source = """
        import numpy as np, os
        run = epochal.init(project="p", settings=QUIET)
        image = np.zeros((8, 8), np.uint8)
        run.log({"parent": epochal.Image(image)})
        child = os.fork()
        if child == 0:
            run.log({"child": epochal.Image(image + 1)})
            run.finish()
            os._exit(0)
        os.waitpid(child, 0)
        run.log({"parent": epochal.Image(image + 2)})
        run.finish()
    """
    done = run_script(source, home)
    assert done.returncode == 0, done.stderr
    parent, child = read_home(home)
    assert [key for key, _, _ in resolved(parent)] == ["parent", "parent"]
    assert [key for key, _, _ in resolved(child)] == ["child"]


def test_a_disabled_run_writes_nothing(begin: Begin, home: Path) -> None:
    run = begin(mode="disabled")
    run.log({"image": epochal.Image(PIXELS), "table": epochal.Table(columns=["a"])})
    run.summary["x"] = epochal.Histogram([1])
    run.finish()
    assert list(home.iterdir()) == []


def test_a_file_is_copied_when_it_is_logged(begin: Begin, home: Path, tmp_path: Path) -> None:
    """A file that changes or goes afterwards is not seen."""
    path = tmp_path / "a.png"
    PIL.Image.fromarray(PIXELS).save(path)
    data = path.read_bytes()
    run = begin()
    run.log({"image": epochal.Image(path)})
    path.unlink()
    with pytest.warns(EpochalWarning, match="no file"):
        run.log({"gone": epochal.Image(PIXELS), "lost": _gone(tmp_path)})
    run.finish()
    (told,) = read_home(home)
    first = resolved(told)[0][2][0]["data"]
    assert Blobs(home).read(first.digest) == data


def _gone(tmp_path: Path) -> epochal.Image:
    path = tmp_path / "b.png"
    PIL.Image.fromarray(PIXELS).save(path)
    image = epochal.Image(path)
    path.unlink()
    return image


def test_flush_waits_until_the_images_are_blobs(begin: Begin, home: Path) -> None:
    run = begin()
    for _ in range(20):
        run.log({"image": epochal.Image(PIXELS)})
    assert run.flush()
    (told,) = read_home(home)
    assert len(resolved(told)) == 20
    run.finish()


def test_the_caller_waits_for_one_write_only(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes as they are; another thread encodes them, and syncs."""
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    calls: list[tuple[str, int]] = []

    def watch(place: Any, name: str) -> None:
        real = getattr(place, name)

        def noted(*given: Any, **more: Any) -> Any:
            calls.append((name, threading.get_ident()))
            return real(*given, **more)

        monkeypatch.setattr(place, name, noted)

    run = begin()
    run.log({"image": epochal.Image(image)})  # makes the directory
    for name in ("write", "writev", "pwrite", "fsync", "fdatasync"):
        watch(os, name)
    watch(spool, "encode")
    for _ in range(10):
        run.log({"image": epochal.Image(image)})
    here = [name for name, thread in calls if thread == threading.get_ident()]
    assert here == ["writev"] * 10
    run.finish()
    assert [thread for name, thread in calls if name == "encode"].count(threading.get_ident()) == 0
    assert len([name for name, _ in calls if name == "encode"]) >= 10
