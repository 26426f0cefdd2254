"""What wandb's own client logs is a run like any other: init, log, console, resume, errors."""

from __future__ import annotations

from pathlib import Path

from epochal.domain.access import LOCAL_USER, Role
from epochal.domain.names import run_uid
from epochal.service import access
from epochal.store.owner import open_store
from tests.protocols.wandb.conftest import KEY, Script, Seen, run_script
from tests.server.moving import move
from tests.server.processes import Running, serving

TRAIN = """
import json, math, sys
import wandb
with wandb.init(project="train", id="first", name="calm", notes="n", tags=["a", "b"], group="g",
                job_type="fit", config={"lr": 0.1, "net": {"depth": 3}}) as run:
    run.define_metric("val/*", step_metric="epoch")
    for i in range(50):
        run.log({"loss": 1 / (i + 1), "nest": {"a": i}, "odd": [math.nan, math.inf, 1.0][i % 3],
                 "word": f"w{i}", "epoch": i // 10, "val/x": i})
    print("to stdout")
    print("to stderr", file=sys.stderr)
    run.alert("careful", "it burns", level="WARN")
    run.summary["best"] = {"loss": 0.5}
    run.config.update({"lr": 0.2}, allow_val_change=True)
"""


def test_a_script_of_the_tutorials_runs_unmodified(server: Running, script: Script) -> None:
    """Names, config, history, summary, console, alert and end: all of it is there."""
    script(TRAIN)
    seen = Seen(server, "train", "first")
    run = seen.detail
    assert (run["name"], run["notes"], run["group"], run["job_type"]) == ("calm", "n", "g", "fit")
    assert (run["state"], run["exit_code"], run["tags"]) == ("finished", 0, ["a", "b"])
    assert run["config"] == {"lr": 0.2, "net": {"depth": 3}}
    assert run["last_step"] == 49
    assert [seen.metric(key)["count"] for key in ("loss", "nest.a", "odd", "val/x")] == [50] * 4
    assert seen.metric("loss")["last"] == 1 / 50
    assert seen.metric("odd")["n_nan"] == 17
    assert run["summary"]["best.loss"] == 0.5
    assert run["summary"]["word"] == "w49"
    assert {"name": "val/*", "step_metric": "epoch"}.items() <= run["definitions"][1].items()
    assert [(event["level"], event["title"]) for event in run["events"]] == [
        ("warning", "careful")
    ]
    assert seen.lines() == ["to stdout", "to stderr"]
    assert run["environment"]["python"].startswith("3.")
    assert "wandb" in run["environment"]["packages"]


def test_a_script_that_fails_says_so(server: Running, script: Script) -> None:
    script("import wandb\nwandb.init(project='train', id='bad')\nraise RuntimeError", ok=False)
    run = Seen(server, "train", "bad").detail
    assert (run["state"], run["exit_code"]) == ("failed", 1)


RESUME = """
import json, sys
import wandb
with wandb.init(project="resume", id="r", resume=sys.argv[1]) as run:
    start = run.step
    for i in range(10):
        run.log({"loss": i})
    print(f"part {sys.argv[2]}")
print(json.dumps([run.resumed, start]))
"""


def test_a_run_goes_on_where_it_ended(server: Running, script: Script) -> None:
    """Steps continue, nothing is overwritten, the console goes on."""
    script(RESUME, "never", "one")
    resumed, _ = script(RESUME, "must", "two")
    assert resumed
    seen = Seen(server, "resume", "r")
    assert seen.metric("loss")["count"] == 20
    assert seen.detail["last_step"] == 19
    assert seen.lines() == ["part one", "part two"]
    assert "already exists" in script(RESUME, "never", "three", ok=False)


def test_resuming_what_is_not_there_is_said_clearly(script: Script) -> None:
    code = "import wandb\nwandb.init(project='resume', id='nothing', resume='must')"
    assert "does not exist" in script(code, ok=False)


def test_a_wrong_key_is_said_clearly(tmp_path: Path) -> None:
    """A server with accounts: the user reads why."""
    with serving(tmp_path / "home", quiet=True, auth=True) as team:
        said = run_script(
            team, tmp_path, "import wandb\nwandb.init(project='p')", ok=False,
            WANDB_API_KEY=KEY, WANDB_SILENT="false",
        )  # fmt: skip
    assert "user is not logged in" in said


TEAM = """
import json
import wandb
with wandb.init(project="team", id="t") as run:
    run.log({"loss": 1.0, "h": wandb.Html("<b>x</b>")})
    open("x.txt", "w").write("x")
    run.save("x.txt", policy="now")
    artifact = wandb.Artifact("ds", type="dataset")
    artifact.add_file("x.txt")
    run.log_artifact(artifact).wait()
with wandb.init(project="team", id="u") as run:
    text = open(run.use_artifact("ds:latest").download() + "/x.txt").read()
print(json.dumps([text, wandb.Api().viewer.username]))
"""


def test_a_server_with_accounts_takes_runs_files_and_artifacts(tmp_path: Path) -> None:
    """With a writer's key; a reader's is told that it may not."""
    home = tmp_path / "home"
    with open_store(home) as store:
        keys = {
            role: access.create_key(store, LOCAL_USER, role.name.lower(), role) for role in Role
        }
    with serving(home, quiet=True, auth=True) as team:
        writer, reader = keys[Role.WRITER], keys[Role.READER]
        assert run_script(team, tmp_path, TEAM, WANDB_API_KEY=writer) == ["x", "writer"]
        status, body = team.ask(
            "GET", "/api/v1/runs/resolve?project=team&id=t",
            headers={"Authorization": f"Bearer {reader}"},
        )  # fmt: skip
        assert (status, b'"state":"finished"' in body) == (200, True)
        said = run_script(
            team, tmp_path, TEAM, ok=False, WANDB_API_KEY=reader, WANDB_SILENT="false"
        )
    assert "is a reader, this needs a writer" in said


def test_a_moved_run_is_found_and_goes_on_in_its_new_project(
    server: Running, script: Script
) -> None:
    """``wandb.Api`` reads it there, and ``resume`` goes on with it there."""
    script("""
        import wandb
        with wandb.init(project="left", id="m", name="walker", notes="n", config={"lr": 1}) as run:
            for step in range(20):
                run.log({"loss": step})
            print("hello")
    """)
    move(server, run_uid("local", "left", "m"), "right")
    found = script("""
        import json, wandb
        api = wandb.Api()
        run = api.run("local/right/m")
        before = [[row["_step"], row["loss"]] for row in run.scan_history(keys=["_step", "loss"])]
        with wandb.init(project="right", id="m", resume="must") as again:
            again.log({"loss": -1})
        left = [run.id for run in api.runs("local/left")]
        rows = list(api.run("local/right/m").scan_history(keys=["_step", "loss"]))
        print(json.dumps([run.name, run.notes, run.config, before, left, rows[-1]["loss"]]))
    """)
    rows = [[step, step] for step in range(20)]
    assert found == ["walker", "n", {"lr": 1}, rows, [], -1]
