"""Media of other clients are files of their runs for ``wandb.Api()``: listed and downloaded."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.conftest import run_cli
from tests.protocols.wandb.conftest import Script, run_script, write_elsewhere
from tests.server.processes import Running, serving

EPOCHAL = """
import math
from pathlib import Path
import numpy
import epochal
Path("cube.obj").write_text("v 0 0 0\\n")
pixels = numpy.zeros((4, 5, 3), numpy.uint8)
table = epochal.Table(columns=["picture", "score", "word"])
table.add_data(epochal.Image(pixels + 9), 0.5, "a")
table.add_data(epochal.Image(pixels + 8), math.nan, None)
figure = {"data": [{"type": "scatter", "y": list(range(9000))}], "layout": {}}
with epochal.init("media", id="ours") as run:
    for step in range(3):
        run.log({"val/digit": epochal.Image(pixels + step), "loss": step})
    run.log({
        "many": [epochal.Image(pixels + 4), epochal.Image(pixels + 5)],
        "tone": epochal.Audio(numpy.sin(numpy.arange(800) / 9), sample_rate=8000),
        "clip": epochal.Video(numpy.zeros((3, 3, 8, 8), numpy.uint8), fps=4),
        "page": epochal.Html("<b>hi</b>"), "cube": epochal.Object3D("cube.obj"),
        "con/../odd: key?": epochal.Image(pixels + 6), "table": table,
        "figure": epochal.Plotly(figure), "weights": epochal.Histogram([1, 2]),
        "cloud": epochal.Object3D(numpy.ones((4, 3))), "note": epochal.Markdown("**x**"),
    })
    Path("kept.txt").write_text("kept")
    run.save("kept.txt")
"""
READ = """
import base64, hashlib, json, os, sys
import wandb
api, (project, wanted) = wandb.Api(), sys.argv[1].split("/")
[one] = [run for run in api.runs(project) if wanted in (run.id, run.name)]
run = api.run(f"{project}/{one.id}")
listed = run.files(per_page=3)
files = {}
for file in listed:
    file.download(root="got")
    data = open(os.path.join("got", file.name), "rb").read()
    assert len(data) == file.size, (file.name, len(data), file.size)
    assert base64.b64encode(hashlib.md5(data).digest()).decode() == file.md5, file.name
    files[file.name] = data[:4].decode("latin-1")
rows = list(run.scan_history())
def paths(value):
    if isinstance(value, dict):
        own = [value["path"]] if "path" in value else value.get("filenames", [])
        return [*own, *(path for inner in value.values() for path in paths(inner))]
    return [path for inner in value for path in paths(inner)] if isinstance(value, list) else []
named = [path for row in rows for path in paths(row)]
tables = [json.load(open(os.path.join("got", name))) for name in files if "/table/" in name]
some = run.files(pattern="media/images/val/%") if len(sys.argv) > 2 else []
print(json.dumps({"files": files, "count": len(listed), "named": named, "tables": tables,
                  "some": [file.name for file in some]}))
"""


def bare(path: str) -> str:
    """A path without the digest in it."""
    return re.sub("_[0-9a-f]{64}", "", path)


def test_all_media_of_epochals_client_are_listed_and_downloaded(
    server: Running, script: Script, tmp_path: Path
) -> None:
    """Each once, under key and step, with its size and MD5; tables in wandb's form."""
    write_elsewhere(
        tmp_path, EPOCHAL, EPOCHAL_URL=server.address.url, EPOCHAL_HOME=str(tmp_path / "home"),
        EPOCHAL_API_KEY=server.address.token,
    )  # fmt: skip
    seen = script(READ, "media/ours", "some")
    files = {bare(path): start for path, start in seen["files"].items()}
    pictures = ["val/digit_0", "val/digit_1", "val/digit_2", "_con/odd_ key__3"]
    pngs = [path for path, start in files.items() if start == "\x89PNG"]
    assert {f"media/images/{name}.png" for name in pictures} <= set(pngs)
    assert files["media/audio/tone_3.wav"] == "RIFF"
    assert files["media/html/page_3.html"] == "<b>h"
    assert files["media/object3D/cube_3.obj"] == "v 0 "
    assert files["media/plotly/figure_3.plotly.json"] == '{"da'
    assert files["media/videos/clip_3.apng"] == "\x89PNG"
    assert files["kept.txt"] == "kept"
    assert not [path for path in files if "weights" in path or "cloud" in path or "note" in path]
    assert seen["count"] == len(seen["files"])
    assert sum("/many_3_" in path for path in seen["files"]) == 2
    assert set(seen["named"]) <= set(seen["files"])
    assert {path.partition("_")[0] for path in seen["some"]} == {"media/images/val/digit"}
    (table,) = seen["tables"]
    assert table["columns"] == ["picture", "score", "word"]
    (first, score, word), (second, nothing, missing) = table["data"]
    assert (score, word, repr(nothing), missing) == (0.5, "a", "nan", None)
    for picture in (first, second):
        assert (picture["_type"], picture["width"]) == ("image-file", 5)
        assert picture["path"] in seen["files"]


TENSORBOARD = """
import numpy
from torch.utils.tensorboard import SummaryWriter
log = SummaryWriter("runs/theirs")
for step in range(2):
    log.add_image("digit", numpy.full((3, 4, 5), step, dtype=numpy.uint8), step)
log.add_audio("tone", numpy.sin(numpy.arange(800.0) / 9)[None], 1, sample_rate=8000)
log.add_histogram("weights", numpy.arange(10.0), 1)
log.close()
"""
MLFLOW = """
import mlflow, numpy
mlflow.set_experiment("theirs")
with mlflow.start_run(run_name="pictures"):
    mlflow.log_image(numpy.zeros((4, 5, 3), numpy.uint8), "pictures/digit.png")
    mlflow.log_image(numpy.zeros((4, 5, 3), numpy.uint8), key="stepped", step=7)
    mlflow.log_table({"a": [1, 2]}, "table.json")
"""


def test_media_of_tensorboard_and_mlflow_are_listed_once(tmp_path: Path) -> None:
    """Those that an importer read out of event files, and those that MLflow keeps as files."""
    with serving(tmp_path / "home", quiet=True) as server:
        write_elsewhere(tmp_path, TENSORBOARD)
        logs = ["tensorboard", str(tmp_path / "runs"), "--project", "events"]
        done = run_cli("import", *logs, home=tmp_path / "home")
        assert done.returncode == 0, done.stderr
        write_elsewhere(tmp_path, MLFLOW, MLFLOW_TRACKING_URI=server.address.url)
        events = run_script(server, tmp_path, READ, "events/theirs")
        theirs = run_script(server, tmp_path, READ, "theirs/pictures")
    found = {bare(path): start for path, start in events["files"].items() if "media" in path}
    assert found == {
        "media/images/digit_0.png": "\x89PNG", "media/images/digit_1.png": "\x89PNG",
        "media/audio/tone_1.wav": "RIFF",
    }  # fmt: skip
    assert set(events["named"]) <= set(events["files"])
    assert theirs["files"]["pictures/digit.png"] == "\x89PNG"
    assert not [path for path in theirs["files"] if path.startswith("media/")]
    assert set(theirs["named"]) <= set(theirs["files"])
    assert theirs["count"] == len(theirs["files"])
