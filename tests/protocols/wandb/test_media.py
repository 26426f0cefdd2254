"""Media of wandb's own client are media here: pictures, tables, histograms, gradients, files."""

from __future__ import annotations

from tests.protocols.wandb.conftest import Script, Seen
from tests.server.processes import Running

MEDIA = """
import wave
import numpy
import wandb
with wave.open("a.wav", "wb") as sound:
    sound.setnchannels(1), sound.setsampwidth(2), sound.setframerate(8000)
    sound.writeframes(bytes(800))
pixels = numpy.zeros((8, 8, 3), dtype=numpy.uint8)
box = {"position": {"middle": [0.5, 0.5], "width": 0.2, "height": 0.4}, "class_id": 1}
with wandb.init(project="media", id="m") as run:
    for step in range(2):
        run.log({
            "one": wandb.Image(pixels + step, caption=f"c{step}",
                boxes={"pred": {"box_data": [box], "class_labels": {1: "cat"}}},
                masks={"seg": {"mask_data": numpy.eye(8, dtype=numpy.uint8),
                               "class_labels": {0: "field", 1: "cow"}}}),
            "many": [wandb.Image(pixels + 9 * step + k, caption=f"k{k}") for k in range(3)],
            "hist": wandb.Histogram(numpy.arange(100)),
            "html": wandb.Html("<b>hi</b>"),
            "table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2.5, None]]),
            "sound": wandb.Audio("a.wav"),
            "cloud": wandb.Object3D(numpy.ones((10, 3))),
            "gradients/0.weight": wandb.Histogram([0.0, 1.0, 2.0]),
        })
    open("model.bin", "wb").write(b"x" * 1000)
    run.save("model.bin", policy="now")
"""


ASK = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def test_media_are_shown(server: Running, script: Script) -> None:
    """Kinds, captions, boxes, masks, cells and points; every blob is here."""
    script(MEDIA)
    seen = Seen(server, "media", "m")
    keys = {row["key"]: (row["kind"], row["count"]) for row in seen.get("media")["keys"]}
    assert keys == {
        "one": ("image", 2), "many": ("image", 2), "hist": ("histogram", 2), "html": ("html", 2),
        "table": ("table", 2), "sound": ("audio", 2), "cloud": ("object3d", 2),
        "gradients/0.weight": ("histogram", 2),
    }  # fmt: skip
    entries = {entry["key"]: entry for entry in seen.media(*keys) if entry["step"] == 1}
    blobs = [b for e in entries.values() for item in e["items"] for b in item["blobs"].values()]
    assert all(blob["present"] for blob in blobs)
    one = entries["one"]["items"][0]
    assert one["meta"]["caption"] == "c1"
    position = one["meta"]["boxes"]["pred"]["box_data"][0]["position"]
    assert [round(position[c], 6) for c in ("minX", "maxX", "minY", "maxY")] == [
        0.4,
        0.6,
        0.3,
        0.7,
    ]
    assert "mask:seg" in one["blobs"]
    assert one["meta"]["boxes"]["pred"]["class_labels"] == {"1": "cat"}
    assert one["meta"]["masks"]["seg"]["class_labels"] == {"0": "field", "1": "cow"}
    for key, type, query in (("html", b"text/html", "?view=frame"), ("sound", b"audio/wav", "")):
        digest = entries[key]["items"][0]["blobs"]["data"]["digest"]
        path = f"/api/v1/runs/{seen.uid}/blobs/{digest}{query}"
        assert b"content-type: " + type in server.raw(ASK % path.encode()).lower()
    assert entries["many"]["many"]
    assert [item["meta"]["caption"] for item in entries["many"]["items"]] == ["k0", "k1", "k2"]
    table = entries["table"]["items"][0]["meta"]
    assert (table["columns"], table["preview"]) == (["a", "b"], [[1, "x"], [2.5, None]])
    histogram = entries["hist"]["items"][0]["meta"]
    assert sum(histogram["counts"]) == 100
    assert entries["cloud"]["items"][0]["meta"]["points"] == 10
    assert {"model.bin", "wandb-metadata.json"} <= {
        row["path"] for row in seen.get("files")["files"]
    }


LOGGED = """
import json, sys
import numpy
import plotly.graph_objects
import wandb
pixels = numpy.zeros((8, 8, 3), dtype=numpy.uint8)
box = {"position": {"minX": 0.1, "maxX": 0.5, "minY": 0.2, "maxY": 0.6}, "class_id": 1}
over = {"boxes": {"b": {"box_data": [box], "class_labels": {1: "cat"}}},
        "masks": {"m": {"mask_data": numpy.eye(8, dtype=numpy.uint8), "class_labels": {1: "cat"}}}}
open("m.pdb", "w").write("ATOM      1  N   ALA A   1      11.104   6.134  -6.504\\nEND\\n")
rows = wandb.Table(columns=["id", "x"], data=[[1, 2.5]])
more = wandb.Table(columns=["id", "y"], data=[[1, "z"]])
grown = wandb.Table(columns=["n"], log_mode="INCREMENTAL")
with wandb.init(project="media", id="back") as run:
    run.log({
        "same": wandb.Image(pixels), "image": wandb.Image(pixels, **over),
        "images": [wandb.Image(pixels, caption=f"c{n}", **over) for n in range(2)],
        "figure": plotly.graph_objects.Figure(plotly.graph_objects.Bar(x=[1], y=[2])),
        "cloud": wandb.Object3D(numpy.ones((4, 3))),
        "molecule": wandb.Molecule("m.pdb", caption="ala"),
        "molecules": [wandb.Molecule("m.pdb"), wandb.Molecule("m.pdb")],
        "page": wandb.Html("<b>hi</b>"), "joined": wandb.JoinedTable(rows, more, "id"),
        "table": rows, "hist": wandb.Histogram([1, 2, 3]),
    })
    for n in range(3):
        grown.add_data(n)
        run.log({"grown": grown})
read = wandb.Api().run("media/back")
first, *others = list(read.scan_history())
last = read.summary._json_dict
kept = [key for key in last if isinstance(last[key], dict) and key != "grown"]
files = {file.name for file in read.files()}
def paths(value):
    if isinstance(value, dict):
        own = [value["path"]] if "path" in value else value.get("filenames", [])
        return [*own, *(path for inner in value.values() for path in paths(inner))]
    return [path for inner in value for path in paths(inner)] if isinstance(value, list) else []
print(json.dumps({
    "kept": sorted(kept), "differ": [key for key in kept if first.get(key) != last[key]],
    "hist": first["hist"]["values"][0], "count": first["molecules"]["count"],
    "lost": [path for row in (first, *others) for path in paths(row) if path not in files],
    "grown": [row["grown"]["_type"] for row in others],
    "end": others[-1]["grown"] == last["grown"],
}))
"""


def test_media_are_read_back_as_they_were_logged(server: Running, script: Script) -> None:
    """Every value with its own file, boxes, masks, and kinds that we do not know."""
    found = script(LOGGED)
    assert found["kept"] == [
        "cloud", "figure", "image", "images", "joined", "molecule", "molecules", "page", "same",
        "table",
    ]  # fmt: skip
    assert (found["differ"], found["lost"]) == ([], [])
    assert (found["hist"], found["count"]) == (1, 2)
    assert (found["grown"], found["end"]) == (["incremental-table-file"] * 3, True)
    seen = Seen(server, "media", "back")
    keys = {row["key"]: (row["kind"], row["count"]) for row in seen.get("media")["keys"]}
    assert keys["molecule"] == keys["molecules"] == ("object3d", 1)
    assert keys["grown"] == ("table", 3)
    (image,) = (entry for entry in seen.media("image"))
    for overlay in (
        image["items"][0]["meta"]["boxes"]["b"],
        image["items"][0]["meta"]["masks"]["m"],
    ):
        assert overlay["class_labels"] == {"1": "cat"}
    (molecule,) = (entry for entry in seen.media("molecule"))
    assert molecule["items"][0]["meta"]["format"] == "pdb"
    assert molecule["items"][0]["meta"]["caption"] == "ala"
