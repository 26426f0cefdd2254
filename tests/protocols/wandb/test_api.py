"""``wandb.Api()`` of the real client reads and changes what any client logged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.wandb.conftest import Script, run_script, write_elsewhere
from tests.server.processes import Running

LOG = """
import math
import wandb
for i in range(3):
    with wandb.init(project="read", id=f"r{i}", name=f"run {i}", notes="n", tags=["a", f"t{i}"],
                    group="g" if i else None, job_type="fit",
                    config={"lr": 0.1 * (i + 1), "net": {"depth": i}}) as run:
        for s in range(30):
            odd = [math.nan, math.inf, 1.0][s % 3]
            run.log({"loss": i + 1 / (s + 1), "nest": {"a": s}, "odd": odd,
                     **({"word": f"w{s}"} if s % 10 == 0 else {})})
        if i == 1:
            run.log({"hist": wandb.Histogram([1, 2, 3])})
            print("hello")
            open("x.txt", "w").write("data")
            run.save("x.txt")
"""
NATIVE = """
import epochal
with epochal.init("read", id="native", config={"lr": 5, "opt": "adam"}, tags=["b"]) as run:
    for s in range(20):
        run.log({"loss": 1 / (s + 1), "val/acc": s / 20})
"""
MLFLOW = """
import mlflow
mlflow.set_experiment("read")
with mlflow.start_run(run_name="from mlflow", tags={"mlflow.user": "ann"}):
    mlflow.log_params({"lr": "7"})
    for s in range(20):
        mlflow.log_metric("loss", 1 / (s + 1), step=s)
"""


@pytest.fixture(scope="module")
def logged(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A project with runs of three clients."""
    directory = tmp_path_factory.mktemp("logging")
    run_script(server, directory, LOG)
    for code in (NATIVE, MLFLOW):
        write_elsewhere(
            directory, code, EPOCHAL_URL=server.address.url, EPOCHAL_HOME=str(directory),
            MLFLOW_TRACKING_URI=server.address.url, EPOCHAL_API_KEY=server.address.token,
        )  # fmt: skip
    return server


RUNS = """
import json, sys
import wandb
api = wandb.Api()
found = [[run.id for run in api.runs("read", filters=f, order=o, per_page=2)]
         for f, o in json.loads(sys.argv[1])]
for run in api.runs("read", filters={"username": "ann"}):
    found.append([run.name, run.config, [row["loss"] for row in run.scan_history()][:3]])
print(json.dumps(found))
"""


def test_runs_are_found_by_filters_and_order_over_pages(logged: Running, script: Script) -> None:
    """Whichever client logged them."""
    questions: list[tuple[dict[str, Any], str]] = [
        ({"display_name": {"$regex": "^run"}}, "+created_at"),
        ({"config.lr": {"$gt": 0.15}, "name": {"$in": ["r1", "r2", "native"]}}, "-config.lr"),
        ({"$or": [{"tags": "b"}, {"config.net.depth": 2}]}, "-summary_metrics.loss"),
        ({"group": "g", "state": "finished"}, "-created_at"),
        ({"username": "ann"}, "+created_at"),
        ({"config.opt.value": "adam"}, ""),
        ({"state": "running"}, ""),
    ]
    assert script(RUNS, json.dumps(questions))[:4] == [
        ["r0", "r1", "r2"], ["native", "r2", "r1"], ["r2", "native"], ["r2", "r1"],
    ]  # fmt: skip
    found = script(RUNS, json.dumps([({}, "+created_at"), *questions[4:]]))
    every, anns, adams, running, of_mlflow = found
    assert len(every) == 5
    assert every[:4] == ["r0", "r1", "r2", "native"]
    assert anns == every[4:]
    assert (adams, running) == (["native"], [])
    assert of_mlflow == ["from mlflow", {"lr": "7"}, [1, 1 / 2, 1 / 3]]


SHOWN = """
import json, sys
import wandb
api = wandb.Api()
run = api.run("read/" + sys.argv[1])
rows = list(run.scan_history())
print(json.dumps({
    "config": run.config, "summary": run.summary._json_dict, "state": run.state, "tags": run.tags,
    "name": run.name, "notes": run.notes, "group": run.group, "url": run.url,
    "created": run.created_at, "user": run.user.username, "files": [f.name for f in run.files()],
    "scanned": len(rows), "row": repr(rows[10]), "last": sorted(rows[-1]),
    "part": list(run.scan_history(keys=["loss"], min_step=5, max_step=8)),
    "words": [r["word"] for r in run.scan_history(keys=["word"])],
    "sample": run.history(keys=["loss"], samples=3, pandas=False),
    "frame": list(run.history(samples=7).shape),
    "system": run.history(stream="system", pandas=False), "step": run.lastHistoryStep,
    "viewer": api.viewer.username, "projects": [p.name for p in api.projects()],
    "size": len(api.runs("read")), "console": [line.content for line in run.console_logs()],
}, default=str))
"""


def test_a_run_of_wandb_is_read_as_it_was_logged(logged: Running, script: Script) -> None:
    """Config, summary, every row, texts and media, files, console, system metrics."""
    seen = script(SHOWN, "r1")
    assert seen["config"] == {"lr": 0.2, "net": {"depth": 1}}
    assert seen["summary"]["nest"] == {"a": 29}
    assert seen["summary"]["_step"] == 30
    assert not any(key.startswith("system") for key in seen["summary"])
    assert (seen["state"], seen["tags"], seen["group"]) == ("finished", ["a", "t1"], "g")
    assert (seen["name"], seen["notes"], seen["projects"]) == ("run 1", "n", ["read"])
    assert seen["url"].endswith("/local/read/runs/r1")
    assert seen["created"].startswith("20")
    assert {"x.txt", "output.log", "wandb-metadata.json"} <= set(seen["files"])
    assert seen["scanned"] == 31
    row = eval(seen["row"], {"nan": float("nan"), "inf": float("inf")})
    assert (row["loss"], row["nest.a"], row["word"], row["_step"]) == (1 + 1 / 11, 10, "w10", 10)
    assert row["odd"] == float("inf")
    assert seen["last"] == ["_runtime", "_step", "_timestamp", "hist"]
    assert seen["part"] == [{"_step": s, "loss": 1 + 1 / (s + 1)} for s in (5, 6, 7)]
    assert seen["words"] == ["w0", "w10", "w20"]
    assert [row["_step"] for row in seen["sample"]] == [0, 14, 29]
    assert seen["frame"][0] == 7
    assert all("system.memory_percent" in row for row in seen["system"])
    assert seen["system"]
    assert (seen["step"], seen["size"]) == (30, 5)
    assert seen["user"] == seen["viewer"] != ""
    assert "hello" in seen["console"]


def test_a_run_of_epochal_is_read_alike(logged: Running, script: Script) -> None:
    seen = script(SHOWN, "native")
    assert seen["config"] == {"lr": 5, "opt": "adam"}
    assert seen["summary"]["val/acc"] == 19 / 20
    assert (seen["scanned"], seen["last"]) == (
        20, ["_runtime", "_step", "_timestamp", "loss", "val/acc"],
    )  # fmt: skip
    assert seen["part"] == [{"_step": s, "loss": 1 / (s + 1)} for s in (5, 6, 7)]
    assert seen["frame"][0] == 7


CHANGE = """
import json
import wandb
named = wandb.Api().run("read/native").name
for id in ("r0", "native"):
    other = wandb.Api().run("read/" + id)
    other.summary["best"] = {"loss": 3}
    other.summary["worst"] = 4
    other.summary.update()
other = wandb.Api().run("read/r0")
def told(run):
    return {key: value for key, value in run.summary._json_dict.items() if key[0] != "_"}
before = told(other)
del other.summary["worst"]
other.summary.update()
assert before.pop("worst") == 4
assert told(wandb.Api().run("read/r0")) == before, before
kept = wandb.Api().run("read/native").name == named
run = wandb.Api().run("read/native")
run.config["lr"] = 9
run.config["net"] = {"depth": 3, "width": 4}
run.config["wrong"] = 1
run.update()
run = wandb.Api().run("read/native")
del run.config["wrong"], run.config["net"]["width"]
run.tags.append("new")
run.name, run.notes = "renamed", "noted"
run.update()
seen = wandb.Api().run("read/native")
print(json.dumps([kept, seen.config, seen.tags, seen.name, seen.notes, seen.state,
                  wandb.Api().run("read/r0").summary["best"]["loss"],
                  wandb.Api().run("read/r0").name]))
"""


def test_runs_are_changed(logged: Running, script: Script) -> None:
    """Also one that another client logged; it keeps its state, and its name unless told.

    A key that is deleted from the config is gone.
    """
    assert script(CHANGE) == [
        True, {"lr": 9, "opt": "adam", "net": {"depth": 3}}, ["b", "new"], "renamed", "noted",
        "finished", 3, "run 0",
    ]  # fmt: skip


OTHER = """
import json
import wandb
api = wandb.Api()
api.create_project("fresh", "local")
before = [len(api.runs("fresh")), sorted(p.name for p in wandb.Api().projects())]
with wandb.init(project="gone", id="g1") as run:
    run.log({"a": 1})
    made = wandb.Artifact("made", type="dataset")
    open("a.txt", "w").write("a")
    made.add_file("a.txt")
    run.log_artifact(made).wait()
api.run("gone/g1").file("requirements.txt").download(root="here")
before.append("wandb" in open("here/requirements.txt").read())
before.append(wandb.Api().artifact_exists("gone/made:v0"))
api.run("gone/g1").delete(delete_artifacts=True)
before.append(wandb.Api().artifact_exists("gone/made:v0"))
said = []
for ask in (lambda: api.run("read/nope"), lambda: len(api.runs("nothing")),
            lambda: list(api.runs("read", filters={"foo": 1})),
            lambda: list(api.runs("read", order="+tags"))):
    try:
        ask()
        said.append("nothing")
    except Exception as error:
        said.append(str(error))
print(json.dumps([*before, said]))
"""


def test_projects_are_made_runs_deleted_and_mistakes_named(
    logged: Running, tmp_path: Path, script: Script
) -> None:
    size, names, is_there, was_made, is_made, said = script(OTHER)
    assert (size, is_there, was_made, is_made) == (0, True, True, False)
    assert names == ["fresh", "read"]
    assert "Could not find run" in said[0]
    assert "Could not find project nothing" in said[1]
    assert "'foo'" in said[2]
    assert "'tags'" in said[3]
    assert logged.ask("GET", "/api/v1/runs/resolve?project=gone&id=g1")[0] == 404


PAGE = """
query Page($run: String!, $specs: [JSONString!]!) {
  project(name: "read", entityName: "local") { run(name: $run) { sampledHistory(specs: $specs) } }
}
"""


@pytest.mark.parametrize(("last", "samples"), [(7, 2), (6, 2)], ids=["old", "new"])
def test_pages_of_old_and_new_clients_do_not_overlap(
    logged: Running, last: int, samples: int
) -> None:
    """Old ones ask for steps 5 to 7 and mean two of them; new ones ask for 5 to 6."""
    spec = {"keys": ["loss"], "minStep": 5, "maxStep": last, "samples": samples}
    body = {"query": PAGE, "variables": {"run": "native", "specs": json.dumps(spec)}}
    found = logged.json("POST", "/graphql", body)["data"]["project"]["run"]["sampledHistory"]
    assert found == [[{"loss": 1 / 6}, {"loss": 1 / 7}]]
