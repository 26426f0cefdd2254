"""``wandb.Api()`` finds, lists, filters and changes artifacts."""

from __future__ import annotations

from tests.protocols.wandb.conftest import Script
from tests.server.processes import Running

LOG = """
import wandb
for i in range(3):
    with wandb.init(project="art", id=f"w{i}") as run:
        made = wandb.Artifact("ds", type="dataset", description="d", metadata={"n": i})
        open("f.txt", "w").write(f"v{i}")
        made.add_file("f.txt")
        run.log_artifact(made, aliases=["best"] if i == 1 else [], tags=["even"] * (i % 2 == 0))
with wandb.init(project="art", id="reader") as run:
    run.use_artifact("ds:best")
    run.log_artifact(wandb.Artifact("m", type="model"))
"""
READ = """
import json
import wandb
api = wandb.Api()
def numbers(**more):
    return [one.version for one in api.artifacts("dataset", "art/ds", **more)]
best = api.artifact("art/ds:best")
found = {
    "made": [one.name for one in api.run("art/w1").logged_artifacts()],
    "used": [one.name for one in api.run("art/reader").used_artifacts()],
    "best": [best.version, best.type, list(best.aliases), dict(best.metadata), best.size,
             best.description],
    "bytes": open(best.download("here") + "/f.txt").read(),
    "files": [one.name for one in best.files()],
    "users": [one.id for one in best.used_by()], "maker": best.logged_by().id,
    "types": [one.name for one in api.artifact_types("art")],
    "collections": [one.name for one in api.artifact_collections("art", "model")],
    "aliases": api.artifact_collection("dataset", "art/ds").aliases,
    "all": numbers(per_page=2), "even": numbers(tags=["even"]),
    "oldest": numbers(order="createdAt"),
    "exists": [api.artifact_exists("art/ds:v1"), api.artifact_exists("art/ds:v7"),
               api.artifact_collection_exists("art/ds", "dataset")],
}
try:
    numbers(order="foo")
except Exception as error:
    found["said"] = str(error)
best.aliases.append("prod")
best.description = "new"
best.metadata["k"] = 5
best.save()
again = wandb.Api().artifact("art/ds:prod")
linked = best.link("champions", aliases=["live"])
target = wandb.Api().artifact_collection("dataset", "art/champions")
target.description, target.tags = "kept", ["good"]
target.save()
target = wandb.Api().artifact_collection("dataset", "art/champions")
found["linked"] = [
    linked.is_link, target.description, list(target.tags), sorted(target.aliases),
    [one.is_link for one in target.artifacts()],
    wandb.Api().artifact("model-registry/champions:v0").source_version,
]
with wandb.init(project="art", id="late") as run:
    fresh = wandb.Artifact("fresh", type="dataset")
    run.use_artifact(fresh)
    fresh.wait()
found["fresh"] = [one.name for one in wandb.Api().run("art/late").used_artifacts()]
found["changed"] = [again.version, again.description, again.metadata]
wandb.Api().artifact("art/ds:v0").delete()
found["left"] = numbers()
print(json.dumps(found))
"""


CALL = """
import json
import wandb
with wandb.init(project="call", id="maker") as run:
    for i in range(2):
        made = wandb.Artifact("before", type="data")
        with made.new_file("f.txt") as file:
            file.write(str(i))
        made.manifest.entries["f.txt"].extra["note"] = {"row": i}
        run.log_artifact(made)
        run.log({"loss": i})
    other = run.log_artifact(wandb.Artifact("other", type="data")).wait()
with wandb.init(project="call", id="reader") as run:
    run.use_artifact("before:v0")
held = wandb.Api().artifact("call/before:v0")
collection = wandb.Api().artifact_collection("data", "call/before")
collection.name, collection.type, collection.tags = "after", "table", ["a", "b"]
collection.description = "what it is"
collection.save()
collection.tags = ["b", "c"]
collection.save()
api = wandb.Api()
first, last = api.artifact("call/after:v0"), api.artifact("call/after:latest")
found = {
    "called": [first.name, first.type, last.version, first.collection.name,
               first.collection.description, sorted(first.collection.tags)],
    "steps": [first.history_step, last.history_step],
    "extra": [one.manifest.entries["f.txt"].extra for one in (first, last)],
    "lists": [one.name for one in api.artifact_collections("call", "table")],
    "used": [one.name for one in api.run("call/reader").used_artifacts()],
    "users": [one.id for one in first.used_by()],
}
held.aliases.append("kept")
held.save()
found["former"] = api.artifact_exists("call/before:v0")
found["held"] = wandb.Api().artifact("call/after:kept").version
taken = wandb.Api().artifact_collection("table", "call/after")
taken.name = "other"
try:
    taken.save()
except Exception as error:
    found["said"] = str(error)
with wandb.init(project="call", id="again") as run:
    made = wandb.Artifact("before", type="data")
    with made.new_file("f.txt") as file:
        file.write("new")
    found["again"] = run.log_artifact(made).wait().version
found["old"] = wandb.Api().artifact("call/before:latest").type
print(json.dumps(found))
"""


AGAIN = """
import json
import wandb
def made(text):
    artifact = wandb.Artifact("ds", type="dataset")
    with artifact.new_file("f.txt") as file:
        file.write(text)
    return artifact
for id, text in (("first", "a"), ("second", "b"), ("third", "b")):
    with wandb.init(project="again", id=id) as run:
        version = run.log_artifact(made(text)).wait().version
with wandb.init(project="again", id="fourth"):
    pass
api = wandb.Api()
api.run("again/fourth").log_artifact(api.artifact("again/ds:v0"), aliases=["kept"])
old, new = (wandb.Api().artifact(f"again/ds:v{n}") for n in (0, 1))
found = {
    "versions": [one.version for one in api.artifacts("dataset", "again/ds")],
    "logged": {id: [one.name for one in wandb.Api().run("again/" + id).logged_artifacts()]
               for id in ("first", "second", "third", "fourth")},
    "makers": [old.logged_by().id, new.logged_by().id],
    "aliases": [sorted(old.aliases), sorted(new.aliases)],
}
api.run("again/first").delete()
found["left"] = [wandb.Api().artifact("again/ds:v0").logged_by().id,
                 [one.version for one in wandb.Api().artifacts("dataset", "again/ds")]]
print(json.dumps(found))
"""
EMPTY = """
import json
import wandb
said = []
for version in wandb.Api().artifacts("dataset", "again/ds"):
    try:
        version.delete()
    except wandb.errors.CommError as error:
        said.append(str(error))
    version.delete(delete_aliases=True)
api = wandb.Api()
print(json.dumps([said, [one.type for one in api.artifact_collections("again", "dataset")]]))
"""


def test_a_run_that_logs_a_version_of_another_run_is_one_of_its_makers(
    server: Running, script: Script
) -> None:
    """The newest one or, by the public API, an older one; the first maker is named as that."""
    seen = script(AGAIN)
    assert seen["versions"] == ["v1", "v0"]
    assert seen["logged"] == {
        "first": ["ds:v0"], "second": ["ds:v1"], "third": ["ds:v1"], "fourth": ["ds:v0"],
    }  # fmt: skip
    assert seen["makers"] == ["first", "second"]
    assert seen["aliases"] == [["kept"], ["latest"]]
    assert seen["left"] == ["fourth", ["v1", "v0"]]
    for version, makers in (("v0", {"first", "fourth"}), ("v1", {"second", "third"})):
        path = f"/api/v1/artifacts/resolve?name=again/ds:{version}"
        assert {run["id"] for run in server.json("GET", path)["producers"]} == makers
    said, types = script(EMPTY)
    assert types == ["dataset"], "a collection without versions is still listed"
    assert len(said) == 2, "a version with an alias, latest among them, is deleted on request"
    assert "ds:v1 has the aliases latest; delete(delete_aliases=True)" in said[0]
    assert "ds:v0 has the aliases kept, latest; delete(delete_aliases=True)" in said[1]


def test_artifacts_are_found_and_changed(script: Script) -> None:
    """Those of runs, of collections and of types; under filters and orders."""
    script(LOG)
    seen = script(READ)
    assert (seen["made"], seen["used"]) == (["ds:v1"], ["ds:v1"])
    assert seen["best"] == ["v1", "dataset", ["best"], {"n": 1}, 2, "d"]
    assert (seen["bytes"], seen["files"]) == ("v1", ["f.txt"])
    assert (seen["users"], seen["maker"]) == (["reader"], "w1")
    assert (seen["types"], seen["collections"]) == (["dataset", "model"], ["m"])
    assert seen["aliases"] == ["best", "latest"]
    assert seen["all"] == ["v2", "v1", "v0"]
    assert (seen["even"], seen["oldest"]) == (["v2", "v0"], ["v0", "v1", "v2"])
    assert seen["exists"] == [True, False, True]
    assert "'foo'" in seen["said"]
    assert seen["changed"] == ["v1", "new", {"n": 1, "k": 5}]
    assert seen["linked"] == [True, "kept", ["good"], ["latest", "live"], [True], "v1"]
    assert seen["fresh"] == ["fresh:v0"]
    assert seen["left"] == ["v2", "v1"]


def test_artifacts_get_other_names_and_types(script: Script) -> None:
    """A handle of one stays good, its name is free; the client's notes and steps are kept."""
    seen = script(CALL)
    assert seen["called"] == ["after:v0", "table", "v1", "after", "what it is", ["b", "c"]]
    assert seen["steps"] == [None, 0]
    assert seen["extra"] == [{"note": {"row": 0}}, {"note": {"row": 1}}]
    assert seen["lists"] == ["after"]
    assert (seen["used"], seen["users"], seen["held"]) == (["after:v0"], ["reader"], "v0")
    assert "'other'" in seen["said"]
    assert (seen["former"], seen["again"], seen["old"]) == (False, "v0", "data")
