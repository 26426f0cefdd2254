"""The tree of a watched model."""

from __future__ import annotations

import sys
from pathlib import Path

from torch import nn

from epochal.domain.record import Media
from tests.client.scripts import read_home, run_script
from tests.client.watching.watched import Begin


def test_the_tree_names_modules_classes_and_shapes(begin: Begin, home: Path) -> None:
    run = begin()
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 1))
    model[2] = nn.Sequential(shared)
    model[3].requires_grad_(False)
    run.watch(model, log=None, log_graph=True)
    run.finish()
    (media,) = read_home(home)[0].all(Media)
    meta = media.items[0].meta
    assert (media.key, media.step, meta["type"]) == ("model/graph", 0, "modules")
    assert (meta["parameters"], meta["trainable"]) == (25, 20)
    nodes = {node["name"]: node for node in meta["spec"]["nodes"]}
    assert (nodes[""]["class"], nodes[""]["parent"]) == ("Sequential", None)
    assert nodes["0"]["parameters"][0] == {
        "name": "weight",
        "shape": [4, 4],
        "dtype": "float32",
        "count": 16,
        "trainable": True,
    }
    assert (nodes["3"]["parent"], nodes["1"]["class"]) == ("", "ReLU")


def test_a_large_tree_lies_in_a_blob(begin: Begin, home: Path) -> None:
    run = begin()
    run.watch(nn.Sequential(*(nn.Linear(2, 2) for _ in range(300))), log=None, log_graph=True)
    run.finish()
    item = read_home(home)[0].all(Media)[0].items[0]
    assert "spec" not in item.meta
    blob = item.blobs["data"]
    assert (home / "blobs" / blob.digest[:2] / blob.digest).stat().st_size == blob.size > 32_768


def test_importing_epochal_loads_neither_torch_nor_watch(home: Path) -> None:
    code = "import sys; print([m for m in sys.modules if m in ('torch', 'epochal.client.watch')])"
    assert run_script(code, home).stdout.strip() == "[]"
    assert "torch" in sys.modules
