"""Runs with media: of every kind, two to compare, a hostile one, and a net that blows up."""

from __future__ import annotations

import json
from pathlib import Path

from tests.browser.clients import run_script

STEPS = 12
RUNS = {"media": "second", "hostile-media": "hostile", "gradients": "explodes"}
"""The last run of each project."""
HOSTILE_MEDIA = {
    "key": 'shots/"><img src=x onerror=window.__owned=1>',
    "caption": "<img src=x onerror=window.__owned=1> caption",
    "label": "<svg onload=window.__owned=1> class",
    "box": "<b onmouseover=window.__owned=1>box</b>",
    "column": "<img src=x onerror=window.__owned=1> column",
    "cell": "<script>window.__owned=1</script> cell",
    "text": "<script>parent.__owned=1</script><b>text</b>",
    "markdown": "# <img src=x onerror=window.__owned=1> head\n\n[go](javascript:window.__owned=1)",
    "series": "<img src=x onerror=window.__owned=1> series",
}
HOSTILE_HTML = (
    "<body>framed<script>try { parent.__owned = 1 } catch (e) {}; window.__owned = 1;"
    "try { parent.document.body.append('owned') } catch (e) {}</script>"
    "<img src=x onerror='try { parent.__owned = 1 } catch (e) {}'>"
)

_MEDIA = """
import numpy as np
rng = np.random.default_rng(7)
size = 96
across = np.linspace(0, 1, size)
def picture(step, shift):
    red = np.outer(across, np.ones(size))
    blue = np.outer(np.ones(size), across)
    disc = (across[:, None] - 0.5) ** 2 + (across[None] - 0.2 - 0.05 * (step + shift)) ** 2 < 0.03
    image = np.stack([red, np.full((size, size), 0.3), blue], axis=2)
    image[disc] = (1.0, 0.9, 0.2)
    return (image * 255).astype(np.uint8), disc.astype(np.uint8) * 2
sound = np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000).astype(np.float32) * 0.4
labels = {0: "background", 2: "disc"}
steps = int(sys.argv[1])
for shift, name in enumerate(("first", "second")):
    run = epochal.init(project="media", name=name, id=name, settings=QUIET, reinit="create_new")
    for step in range(0, steps * 10, 10):
        image, mask = picture(step / 10, shift)
        x = 0.2 + 0.005 * step
        box = {"position": {"minX": x - 0.17, "maxX": x + 0.17, "minY": 0.33, "maxY": 0.67},
               "class_id": 2, "box_caption": f"disc at {step}", "scores": {"confidence": 0.9}}
        weak = {"position": {"minX": 10, "maxX": 30, "minY": 60, "maxY": 90}, "domain": "pixel",
                "class_id": 5, "scores": {"confidence": 0.3}}
        run.log({
            "val/scene": epochal.Image(
                image, caption=f"scene {step}",
                masks={"prediction": {"mask_data": mask, "class_labels": labels}},
                boxes={"found": {"box_data": [box, weak], "class_labels": {2: "disc", 5: "weak"}}},
            ),
            "val/digits": [epochal.Image(rng.random((28, 28)), caption=f"digit {i}")
                           for i in range(6)],
            "train/weights": epochal.Histogram(rng.normal(0, 1 + step / 50, 4000)),
            "train/curve": epochal.plot.line_series(
                list(range(50)), [np.cos(np.arange(50) / 9).tolist(),
                                  (np.arange(50) / 50).tolist()], keys=["cosine", "ramp"],
                title="Two curves", xname="epoch"),
        }, step=step)
    scores = rng.random((400, 3))
    truth = rng.integers(0, 3, 400)
    scores[np.arange(400), truth] += 0.4
    scores /= scores.sum(1, keepdims=True)
    names = ["cat", "dog", "bird"]
    table = epochal.Table(columns=["image", "label", "score", "right", "note"])
    for i in range(150):
        table.add_data(epochal.Image(rng.random((16, 16))), names[i % 3],
                       float("nan") if i == 5 else float(i * 7 % 150) / 10, i % 2 == 0,
                       {"i": i} if i % 10 == 0 else None)
    columns = {"n": list(range(300)), "v": rng.normal(0, 1, 300).tolist()}
    cloud = rng.normal(0, 1, (5000, 3))
    cloud /= np.linalg.norm(cloud, axis=1, keepdims=True)
    colored = np.concatenate([cloud, (cloud + 1) * 127], axis=1)
    cloud_box = {"corners": [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)],
                 "label": "ball"}
    run.log({
        "val/roc": epochal.plot.roc_curve(truth, scores, labels=names),
        "val/pr": epochal.plot.pr_curve(truth, scores, labels=names),
        "val/confusion": epochal.plot.confusion_matrix(
            probs=scores, y_true=truth, class_names=names),
        "val/table": table,
        "plots/scatter": epochal.plot.scatter(columns, "n", "v", title="Noise"),
        "plots/bar": epochal.plot.bar({"k": names, "n": [3, 1, 2]}, "k", "n", title="Counts"),
        "plots/histogram": epochal.plot.histogram(columns, "v"),
        "plots/plotly": epochal.Plotly({"data": [{"y": [1, 2]}], "layout": {"title": "Plotly"}}),
        "sound/tone": epochal.Audio(sound, sample_rate=8000, caption="440 Hz"),
        "film/blink": epochal.Video(
            rng.integers(0, 255, (6, 3, 32, 32), dtype=np.uint8), fps=3, caption="noise"),
        "shapes/ball": epochal.Object3D({"points": colored, "boxes": [cloud_box]}),
        "pages/short": epochal.Html("<h2>Short</h2><p>a page of a few words</p>"),
        "pages/long": epochal.Html("<h2>Long</h2>" + "<p>words and words</p>" * 400
            + "<script>document.body.dataset.ran = 'yes'</script>"),
        "pages/markdown": epochal.Markdown("# Notes\\n\\nSome **bold** text and `code`."),
        "pages/text": epochal.Text("plain text\\nof two lines"),
    }, step=steps * 10)
    run.finish()
"""
_HOSTILE = """
import json
import numpy as np
h, page = json.loads(sys.argv[1]), sys.argv[2]
run = epochal.init(project="hostile-media", name="hostile", id="hostile", settings=QUIET)
image = epochal.Image(
    np.zeros((32, 32, 3), np.uint8), caption=h["caption"],
    masks={h["label"]: {"mask_data": np.ones((32, 32), np.uint8),
                        "class_labels": {1: h["label"]}}},
    boxes={h["box"]: {"box_data": [{"position": {"minX": 0.2, "maxX": 0.8, "minY": 0.3,
        "maxY": 0.7}, "class_id": 1, "box_caption": h["box"], "scores": {h["box"]: 0.5}}]}},
)
run.log({
    h["key"]: image,
    "t/table": epochal.Table(columns=[h["column"]], data=[[h["cell"]]]),
    "t/text": epochal.Text(h["text"], caption=h["caption"]),
    "t/markdown": epochal.Markdown(h["markdown"]),
    "t/short": epochal.Html(page, data_is_not_path=True),
    "t/long": epochal.Html(page + "<p>" + "x" * 5000, data_is_not_path=True),
    "t/line": epochal.plot.line_series([0, 1], [[0, 1]], keys=[h["series"]], title=h["caption"],
                                       xname=h["series"]),
    "t/confusion": epochal.plot.confusion_matrix(
        preds=[0, 1], y_true=[0, 0], class_names=[h["label"], h["box"]]),
    "t/plotly": epochal.Plotly({
        "data": [{"y": [1, 2], "name": h["cell"]}, {"y": [2, 1], "name": h["series"]}],
        "layout": {"title": h["caption"], "xaxis": {"title": {"text": h["label"]}}}}),
    "t/pie": epochal.Plotly({"data": [{"type": "pie", "labels": [h["cell"]]}],
                             "layout": {"title": h["caption"]}}),
}, step=0)
run.finish()
"""
_EXPLODE = """
import torch
torch.manual_seed(3)
torch.set_num_threads(1)
net = torch.nn.Sequential()
for depth in range(8):
    net.add_module(f"block{depth}", torch.nn.Linear(16, 16))
    net.add_module(f"act{depth}", torch.nn.Tanh() if depth < 6 else torch.nn.ReLU())
net.add_module("head", torch.nn.Linear(16, 1))
with torch.no_grad():
    net.block7.bias.fill_(-50.0)  # all its units are off: nothing flows to the layers below
run = epochal.init(project="gradients", name="explodes", id="explodes", settings=QUIET)
run.watch(net, log="all", log_freq=1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
data, target = torch.randn(64, 16), torch.randn(64, 1)
for step in range(60):
    if step == 20:
        with torch.no_grad():
            net.block7.bias.fill_(0.0)
    if step == 40:
        optimizer = torch.optim.SGD(net.parameters(), lr=1e4)
    optimizer.zero_grad()
    loss = ((net(data) - target) ** 2).mean() * (1e12 if step == 35 else 1.0)
    loss.backward()
    if step != 35:
        optimizer.step()
    run.log({"loss": float(loss.detach())}, step=step)
run.finish()
"""


def fill(home: Path) -> None:
    """Write the runs."""
    run_script(home, _MEDIA, str(STEPS), seconds=120)
    run_script(home, _HOSTILE, json.dumps(HOSTILE_MEDIA), HOSTILE_HTML)
    run_script(home, _EXPLODE, seconds=120)
