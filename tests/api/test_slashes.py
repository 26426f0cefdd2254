"""A project whose name holds a "/", as MLflow's experiments do, has artifacts and models, too."""

from __future__ import annotations

from pathlib import Path

import pytest

import epochal
from tests.api.recorded import record
from tests.conftest import end_process, start_server

SCRIPT = """
import epochal
quiet = epochal.Settings(system_interval=0, silent=True, git=False, environment=False,
                         console=False)
open("a.txt", "w").write("alpha")
with epochal.init(project="team/vision/cats", id="maker", settings=quiet) as run:
    made = run.log_artifact("a.txt", name="data", type="dataset").wait()
    assert made.name == "data:v0", made.name
    run.link_artifact(made, "classifier", aliases=["champion"])
    run.log_model("a.txt", name="net").wait()
with epochal.init(project="team/vision/cats", id="user", settings=quiet) as run:
    assert open(run.use_artifact("data:latest").download() + "/a.txt").read() == "alpha"
"""


@pytest.mark.parametrize("door", ["local", "http"])
def test_everything_about_artifacts_works_there(tmp_path: Path, door: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    record(home, SCRIPT)
    running = start_server(home, log=tmp_path / "log") if door == "http" else None
    try:
        reader = epochal.connect(running.url) if running else epochal.connect(home=home)
        version = reader.artifact("data", "team/vision/cats")
        assert version.path == "local/team/vision/cats/data:v0"
        assert reader.artifact(version.path).digest == version.digest
        version.download(tmp_path / "root")
        version.verify(tmp_path / "root")
        assert [run.id for run in version.used_by()] == ["user"]
        assert any(node.label.endswith("data:v0") for node in version.lineage().nodes)
        assert reader.model("classifier@champion").artifact.path == version.path
    finally:
        if running:
            end_process(running.process)
