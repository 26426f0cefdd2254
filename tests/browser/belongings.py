"""A project whose runs leave files, artifacts and models behind, written by a real client."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path
from typing import Any

from tests.browser.clients import run_script
from tests.browser.gallery import ask
from tests.browser.visitor import until

PROJECT = "belongings"
OWN = "window.__owned=1"
HOSTILE_FILES = {
    "hostile/page.html": f"<script>{OWN}</script><h1>page</h1>",
    "hostile/drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" '
    f'onload="{OWN}"><script>{OWN}</script><rect width="40" height="40" fill="teal"/></svg>',
    "hostile/notes.md": f"# <img src=x onerror={OWN}>\n\n<script>{OWN}</script>\n\n"
    f"[click](javascript:{OWN}) ![x](http://192.0.2.1/pixel.png) **bold** `code`\n",
    "hostile/values.json": json.dumps(
        {f"<b onmouseover={OWN}>key</b>": f"<script>{OWN}</script>"}
    ),
    "hostile/rows.csv": f'name,"<img src=x onerror={OWN}>"\n"=1+1","<script>{OWN}</script>"\n',
}
HOSTILE_NAME = "hostile '&\"=; name"

_FILES = """
import json, os, pathlib, struct, tempfile, zlib
root = pathlib.Path(tempfile.mkdtemp())
hostile = json.loads(sys.argv[1])

def png(width, height):
    rows = b"".join(b"\\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 140))
                                     for x in range(width)) for y in range(height))
    chunk = lambda kind, data: (struct.pack(">I", len(data)) + kind + data
                                + struct.pack(">I", zlib.crc32(kind + data)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))

files = {
    "train.py": "import torch\\n\\n\\ndef main() -> None:\\n    print('epoch', 1)\\n" * 400,
    "config.json": json.dumps({"model": {"name": "resnet18", "depth": 18}, "lr": 0.1,
                               "layers": [{"width": 8}, {"width": 16}]}),
    "README.md": "# Digits\\n\\nA **small** model with `conv` layers.\\n\\n- one\\n- two\\n\\n"
                 "| metric | value |\\n|---|---|\\n| acc | 0.97 |\\n",
    "results/scores.csv": "epoch,loss,note\\n" + "".join(
        f'{n},{1 / (n + 1):.4f},"fine, so far"\\n' for n in range(3000)),
    "results/large.log": "".join(f"line {n} of a long log\\n" for n in range(120_000)),
    "empty.txt": "",
    **hostile,
}
for name, text in files.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
(root / "images").mkdir()
(root / "images/gradient.png").write_bytes(png(160, 90))
(root / "report.pdf").write_bytes(b"%PDF-1.7 not really")
(root / "weights.bin").write_bytes(os.urandom(5000))
run = epochal.init(project="belongings", id="files", name="files", settings=QUIET)
run.log({"train/loss": 0.5}, step=0)
run.save(str(root / "**"), base_path=str(root))
run.finish()
"""

_ARTIFACTS = """
import json, pathlib, tempfile
hostile = json.loads(sys.argv[1])
root = pathlib.Path(tempfile.mkdtemp())
(root / "deep/er").mkdir(parents=True)
for number in range(12):
    (root / f"part-{number:02d}.txt").write_text(f"part {number}\\n" * (number + 1))
(root / "deep/er/labels.csv").write_text("id,label\\n1,cat\\n2,dog\\n")
run = epochal.init(project="belongings", id="maker", name="maker", settings=QUIET)
run.log({"train/loss": 0.5}, step=0)
for version in range(3):
    (root / "part-00.txt").write_text(f"version {version}\\n")
    if version == 1:
        (root / "part-11.txt").unlink()
    if version == 2:
        (root / "new.txt").write_text("new\\n")
    data = epochal.Artifact("digits", type="dataset", description="The **digits**, cut to 8x8.",
                            metadata={"classes": 10, "source": {"year": 1998}})
    data.add_dir(str(root))
    run.log_artifact(data, aliases=["best"] if version == 1 else [], tags=["clean"]).wait(30)
bad = epochal.Artifact(hostile["name"], type=hostile["text"], description=hostile["note"],
                       metadata={hostile["text"]: hostile["text"]})
for path, text in hostile["files"].items():
    with bad.new_file(path) as file:
        file.write(text)
run.log_artifact(bad, tags=[hostile["text"]]).wait(30)
run.finish()
run = epochal.init(project="belongings", id="reader", name="reader", settings=QUIET,
                   reinit="create_new")
run.log({"train/loss": 0.4}, step=0)
run.use_artifact("digits:latest", type="dataset")
scores = epochal.Artifact("scores", type="evaluation")
with scores.new_file("scores.json") as file:
    file.write('{"acc": 0.97}')
run.log_artifact(scores).wait(30)
run.finish()
"""

_MODELS = """
import torch
class Block(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = torch.nn.Conv2d(width, width, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(width)
        self.width = width
    def forward(self, x):
        return x + torch.relu(self.norm(self.conv(x)))
def net(width=8, blocks=3):
    return torch.nn.Sequential(torch.nn.Conv2d(1, width, 3, padding=1),
        torch.nn.Sequential(*[Block(width) for _ in range(blocks)]),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(width, 10))
example = torch.linspace(0, 1, 2 * 64).reshape(2, 1, 8, 8)
for number, accuracy in enumerate((0.91, 0.97)):
    torch.manual_seed(number)
    run = epochal.init(project="belongings", id=f"trainer-{number}", name=f"trainer {number}",
                       settings=QUIET, reinit="create_new")
    model = net(blocks=3 + number)
    if number == 1:
        run.watch(model, log=None, log_graph=True)
    run.log({"val/acc": accuracy, "val/loss": 1 - accuracy}, step=3)
    aliases = ["champion"] if number == 1 else ["baseline"]
    logged = run.log_model(model, "classifier", input_example=example)
    run.link_artifact(logged, "digits", aliases=aliases)
    run.finish()
run = epochal.init(project="belongings", id="onnx", name="onnx", settings=QUIET,
                   reinit="create_new")
run.log({"val/acc": 0.9}, step=0)
run.log_model(net(blocks=2), "portable", input_example=example, format="onnx")
run.finish()
"""


def fill(home: Path) -> None:
    """Write the project into a home."""
    text = f"<img src=x onerror={OWN}>"
    hostile = {
        "name": HOSTILE_NAME, "text": text, "note": f"{text} [x](javascript:{OWN})",
        "files": {path.partition("/")[2]: body for path, body in HOSTILE_FILES.items()},
    }  # fmt: skip
    run_script(home, _FILES, json.dumps(HOSTILE_FILES))
    run_script(home, _ARTIFACTS, json.dumps(hostile))
    run_script(home, _MODELS, seconds=180)


def wait_until_kept(url: str, seconds: float = 60.0) -> None:
    """Wait until the server has everything of the project."""

    def complete() -> bool:
        artifacts = ask(url, f"/api/v1/artifacts?project={PROJECT}")["artifacts"]
        models = ask(url, "/api/v1/models")["models"]
        known = {row["name"]: row for row in artifacts}
        return (
            {"digits", "scores", "classifier", "portable", HOSTILE_NAME} <= known.keys()
            and all(row["latest"] is not None for row in artifacts)
            and known["digits"]["versions"] == 3
            and any(row["versions"] == 2 for row in models)
            and all(row["present"] for row in files_of(url, "files"))
        )

    until(complete, seconds, "files, artifacts and models are there")


def files_of(url: str, run_id: str) -> list[dict[str, Any]]:
    """The files of a run; empty while it is not known."""
    where = urllib.parse.urlencode({"project": PROJECT, "id": run_id})
    run = ask(url, f"/api/v1/runs/resolve?{where}")
    rows: list[dict[str, Any]] = ask(url, f"/api/v1/runs/{run['uid']}/files")["files"]
    return rows
