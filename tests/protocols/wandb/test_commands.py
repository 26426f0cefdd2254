"""The client's commands, and calls that few scripts make, as those who wrote them meant them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.protocols.wandb.conftest import KEY, Script, environment
from tests.server.processes import Running

WANDB = str(Path(sys.executable).with_name("wandb"))
LOG = """
import os
import wandb
open("train.py", "w").write("print(1)")
open("f.txt", "w").write("contents")
with wandb.init(project="cmd", id="one", config={"lr": 0.5}) as run:
    run.log({"loss": 1.0})
    run.save("f.txt")
"""
CALLS = """
import json
import os
import wandb
from datetime import timedelta
open("train.py", "w").write("print(1)")
open("f.txt", "w").write("contents")
found = {}
with wandb.init(project="calls", id="one") as run:
    code = run.log_code(".", include_fn=lambda path: path.endswith("train.py")).wait()
    found["code"] = [code.type, sorted(code.manifest.entries)]
    run.log_model("f.txt", name="net", aliases=["best"])
    run.link_model("f.txt", registered_model_name="served", name="net2", aliases=["prod"])
    data = wandb.Artifact("ds", "dataset", description="d", metadata={"k": 1})
    data.add_file("f.txt")
    data.add_reference("file://" + os.path.abspath("train.py"), name="ref.py")
    data.add(wandb.Table(data=[[1]], columns=["z"]), "tab")
    run.log_artifact(data).wait()
    used = run.use_artifact("ds:latest", type="dataset")
    used.verify(used.download("whole"))
    found["out"] = sorted(os.listdir(used.checkout("out")))
    found["one"] = open(used.get_path("f.txt").download("single")).read()
    found["table"] = used.get("tab").data
    try:
        run.use_artifact("ds:latest", type="model")
    except Exception as error:
        found["refused"] = str(error)
    draft = used.new_draft()
    draft.remove("tab.table.json")
    found["draft"] = [run.log_artifact(draft).wait().version, sorted(draft.manifest.entries)]
    for name in ("a.txt", "b.txt"):
        part = wandb.Artifact("parts", "dataset")
        with part.new_file(name) as file:
            file.write(name)
        run.upsert_artifact(part, distributed_id="g")
    last = wandb.Artifact("parts", "dataset")
    found["parts"] = sorted(run.finish_artifact(last, distributed_id="g").wait().manifest.entries)
    for mode in ("INCREMENTAL", "MUTABLE"):
        table = wandb.Table(columns=["a"], log_mode=mode)
        for row in range(2):
            table.add_data(row)
            run.log({mode.lower(): table})
    run.alert("title", "text", level=wandb.AlertLevel.WARN)
with wandb.init(project="calls", id="two") as run:
    found["model"] = open(run.use_model("net:best")).read()
api = wandb.Api()
theirs = api.run("calls/one")
theirs.wait_until_finished()
theirs.upload_file("f.txt")
found["file"] = open(theirs.file("f.txt").download("back").name).read()
theirs.file("f.txt").delete()
found["gone"] = "f.txt" not in [file.name for file in wandb.Api().run("calls/one").files()]
again = theirs.log_artifact(theirs.use_artifact(api.artifact("calls/ds:v0")), aliases=["x"])
again.ttl = timedelta(days=3)
again.save()
changed = wandb.Api().artifact("calls/ds:x")
found["again"] = [changed.version, changed.ttl.days, changed.description]
linked = api.artifact("calls/net2:latest").linked_artifacts
found["linked"] = [one.qualified_name for one in linked]
linked[0].unlink()
found["unlinked"] = [one.qualified_name for one in
                     wandb.Api().artifact("calls/net2:latest").linked_artifacts]
gone = api.artifact_collection("dataset", "calls/parts")
gone.delete()
found["deleted"] = wandb.Api().artifact_collection_exists("calls/parts", "dataset")
found["rows"] = [len(list(theirs.beta_scan_history(keys=["x"]))), len(list(api.reports("calls")))]
found["none"] = [list(api.automations()), list(api.automations(entity="local")),
                 list(api.integrations("local"))]
found["export"] = theirs.download_history_exports("exports", require_complete_history=False)
found["export"] = [found["export"].paths, found["export"].contains_live_data]
try:
    theirs.download_history_exports("exports")
except Exception as error:
    found["whole"] = type(error).__name__
try:
    api.create_run_queue("q", "local-container")
except Exception as error:
    found["queue"] = str(error)
print(json.dumps(found))
"""


def test_the_clients_commands_put_list_get_pull_and_restore(
    server: Running, script: Script, tmp_path: Path
) -> None:
    """Artifacts and files of runs, without a line of Python."""
    script(LOG)

    def wandb(*arguments: str) -> str:
        done = subprocess.run(
            [WANDB, *arguments], env=environment(server, tmp_path, WANDB_SILENT="false"),
            cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    wandb("artifact", "put", "-n", "cmd/put", "-t", "dataset", "-a", "prod", "f.txt")
    assert "put:v0" in wandb("artifact", "ls", "cmd")
    wandb("artifact", "get", "cmd/put:prod", "--root", "got")
    assert (tmp_path / "got" / "f.txt").read_text() == "contents"
    (tmp_path / "f.txt").unlink()
    wandb("pull", "-p", "cmd", "-e", "local", "one")
    assert (tmp_path / "f.txt").read_text() == "contents"
    assert json.loads((tmp_path / "wandb-summary.json").read_text())["loss"] == 1.0
    wandb("restore", "--no-git", "cmd/one")
    assert "lr" in (tmp_path / "wandb" / "config.yaml").read_text()
    assert "No jobs found" in wandb("job", "list", "-p", "cmd", "-e", "local")


def test_calls_that_few_scripts_make_do_what_they_say(script: Script) -> None:
    """What there is not is empty, or refused by its name."""
    seen = script(CALLS)
    assert seen["code"] == ["code", ["train.py"]]
    assert (seen["model"], seen["one"], seen["file"]) == ("contents",) * 3
    assert seen["out"] == ["f.txt", "ref.py", "tab.table.json"]
    assert seen["table"] == [[1]]
    assert "'dataset'" in seen["refused"]
    assert seen["draft"] == ["v1", ["f.txt", "ref.py"]]
    assert seen["parts"] == ["a.txt", "b.txt"]
    assert seen["gone"]
    assert seen["again"] == ["v0", 3, "d"]
    assert (seen["linked"], seen["unlinked"]) == (["local/calls/served:v0"], [])
    assert not seen["deleted"]
    assert seen["rows"] == [0, 0]
    assert (seen["export"], seen["whole"]) == ([[], True], "IncompleteRunHistoryError")
    assert seen["none"] == [[], [], []]
    assert "does not offer" in seen["queue"]


VERIFY = """
import json
import wandb
from wandb.sdk.verify import verify
api = wandb.Api()
put, address = verify.check_graphql_put(api, api.settings["base_url"])
found = [put, verify.check_large_post(), verify.check_run(api), verify.check_artifacts()]
verify.check_wandb_version(api)
print(json.dumps([found, address is not None]))
"""


def test_what_wandb_verify_checks_is_well(server: Running, script: Script, tmp_path: Path) -> None:
    """Login with a key; files, runs and artifacts there and back, a body of ten megabytes."""
    done = subprocess.run(
        [WANDB, "login", "--relogin", "--host", server.address.url, KEY],
        env=environment(server, tmp_path, WANDB_SILENT="false"), cwd=tmp_path,
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert KEY in (tmp_path / ".netrc").read_text()
    assert script(VERIFY) == [[True] * 4, True]
