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
                masks={"seg": {"mask_data": numpy.eye(8, dtype=numpy.uint8)}}),
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
