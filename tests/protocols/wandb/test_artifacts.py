"""Artifacts by wandb's own client: log, use, download, versions, aliases, links; and harm."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.protocols.wandb.conftest import Script
from tests.server.door import Door
from tests.server.processes import Running

LOG = """
import json, os, pathlib
import wandb
os.makedirs("d/sub", exist_ok=True)
pathlib.Path("d/a.txt").write_text("hello")
pathlib.Path("d/sub/b.bin").write_bytes(bytes(range(256)) * 2000)
pathlib.Path("r.txt").write_text("ref")
with wandb.init(project="art", id="maker") as run:
    first = wandb.Artifact("ds", type="dataset", description="desc", metadata={"k": 1})
    first.add_dir("d")
    first.add_reference("file://" + os.path.abspath("r.txt"), name="ref.txt")
    first.add(wandb.Table(columns=["x"], data=[[1], [2]]), "tab")
    run.log_artifact(first, aliases=["best"], tags=["word"]).wait()
    second = wandb.Artifact("ds", type="dataset")
    second.add_file("d/a.txt")
    run.log_artifact(second).wait()
    run.link_artifact(second, "shelf")
    again = wandb.Artifact("ds", type="dataset")
    again.add_file("d/a.txt")
    run.log_artifact(again).wait()
    more = wandb.Artifact("ds", type="dataset", incremental=True)
    more.add_file("r.txt", "more.txt")
    run.log_artifact(more).wait()
print(json.dumps([[one.version for one in (first, second, again, more)], first.digest,
                  first.size, sorted(first.aliases), first.tags, sorted(more.manifest.entries)]))
"""
USE = """
import json, pathlib
import wandb
with wandb.init(project="art", id="user") as run:
    got = run.use_artifact("ds:best")
    root = pathlib.Path(got.download("down"))
    names = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    whole = (root / "sub/b.bin").read_bytes() == bytes(range(256)) * 2000
    table = got.get("tab").data
    try:
        run.use_artifact("nothing:latest")
    except Exception as error:
        missing = str(error)
    try:
        run.log_artifact(wandb.Artifact("ds", type="other")).wait()
    except Exception as error:
        type = str(error)
one = wandb.Api().artifact("art/ds:v0")
one.aliases.append("second")
one.metadata["z"] = 2
one.description = "new"
one.save()
one = wandb.Api().artifact("art/ds:second")
linked = wandb.Api().artifact("art/shelf:latest")
print(json.dumps([names, whole, table, missing, type, got.metadata, one.metadata, one.description,
                  linked.source_name]))
"""


def test_versions_are_logged_used_and_changed(server: Running, script: Script) -> None:
    """Equal content is the same version; an incremental one builds on the last."""
    versions, digest, size, aliases, tags, merged = script(LOG)
    assert versions == ["v0", "v1", "v1", "v2"]
    assert len(digest) == 32
    assert size > 512_000
    assert (aliases, tags, merged) == (["best", "latest"], ["word"], ["a.txt", "more.txt"])
    names, whole, table, missing, type, before, after, text, source = script(USE)
    assert names == ["a.txt", "ref.txt", "sub/b.bin", "tab.table.json"]
    assert whole
    assert table == [[1], [2]]
    assert "not found" in missing
    assert "already exists with type 'dataset'" in type
    assert (before, after, text) == ({"k": 1}, {"k": 1, "z": 2}, "new")
    assert source == "ds:v1"
    # The same through Epochal's own door.
    version = server.json("GET", "/api/v1/artifacts/resolve?name=art/ds:best")
    assert (version["version"], version["type"], version["tags"]) == (0, "dataset", ["word"])
    assert [use["run"]["id"] for use in version["users"]] == ["user"]
    assert version["run"]["id"] == "maker"
    status, body = server.ask("GET", "/api/v1/artifacts/file?name=art/ds:best&path=a.txt")
    assert (status, body) == (200, b"hello")
    model = server.json("GET", "/api/v1/registry/resolve?name=models:/shelf/1")
    assert model["artifact"] == "local/art/ds"


# ------------------------------------------------------------------------------------------- harm
@pytest.fixture
def door(home: Path) -> Iterator[Door]:
    with Door(home) as opened:
        yield opened


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def ask(door: Door, field: str, value: Any, selected: str, status: int = 200) -> Any:
    """One mutation with an input."""
    query = f"mutation M($input: X!) {{ answer: {field}(input: $input) {{ {selected} }} }}"
    body = {"query": query, "variables": {"input": value}}
    answer = door.ask("POST", "/graphql", json_body=body)
    assert answer.status == status, answer.body
    if status != 200:
        return answer.json()["errors"][0]["message"]
    return answer.json()["data"]["answer"]


def announce(door: Door) -> str:
    ask(door, "upsertBucket", {"modelName": "p", "name": "r"}, "inserted")
    given = {
        "artifactTypeName": "t", "artifactCollectionNames": ["a"], "projectName": "p",
        "runName": "r", "digest": "d",
    }  # fmt: skip
    return str(ask(door, "createArtifact", given, "artifact { id state }")["artifact"]["id"])


def manifest_address(door: Door, id: str, body: bytes) -> str:
    given = {"artifactID": id, "name": "m", "digest": md5(body), "manifestType": "FULL"}
    selected = "artifactManifest { id file { uploadUrl } }"
    made = ask(door, "createArtifactManifest", given, selected)
    return target(made["artifactManifest"]["file"]["uploadUrl"])


def target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def manifest_of(**files: str) -> bytes:
    contents = {name: {"digest": digest, "size": 1} for name, digest in files.items()}
    return json.dumps({"version": 1, "contents": contents}).encode()


def test_bytes_that_are_not_those_announced_are_refused(door: Door) -> None:
    """A file and a manifest whose MD5 differs are not kept."""
    id = announce(door)
    spec = {"artifactID": id, "name": "x", "md5": md5(b"good")}
    given = {"artifactFiles": [spec], "storageLayout": "V2"}
    selected = "files { edges { node { uploadUrl storagePath } } }"
    node = ask(door, "createArtifactFiles", given, selected)["files"]["edges"][0]["node"]
    assert node["storagePath"].startswith("wandb_artifacts/")
    refused = door.ask("PUT", target(node["uploadUrl"]), body=b"evil")
    assert (refused.status, b"MD5" in refused.body) == (400, True)
    address = manifest_address(door, id, manifest_of(x=md5(b"good")))
    assert door.ask("PUT", address, body=manifest_of()).status == 400
    assert "never uploaded" in ask(door, "commitArtifact", {"artifactID": id}, "id", 400)


def test_a_manifest_that_names_files_never_uploaded_is_no_version(door: Door) -> None:
    id = announce(door)
    body = manifest_of(x=md5(b"gone"))
    assert door.ask("PUT", manifest_address(door, id, body), body=body).status == 200
    said = ask(door, "commitArtifact", {"artifactID": id}, "artifact { id }", 400)
    assert "'x', which was never uploaded" in said


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"contents": 3}', b'{"contents": {"../x": {}}}'])
def test_a_manifest_that_is_none_is_refused(door: Door, body: bytes) -> None:
    id = announce(door)
    assert door.ask("PUT", manifest_address(door, id, body), body=body).status == 200
    assert ask(door, "commitArtifact", {"artifactID": id}, "artifact { id }", 400)


def test_a_commit_that_is_sent_again_makes_one_version(door: Door) -> None:
    id = announce(door)
    body = manifest_of()
    assert door.ask("PUT", manifest_address(door, id, body), body=body).status == 200
    for _ in range(3):
        made = ask(door, "commitArtifact", {"artifactID": id}, "artifact { versionIndex state }")
        assert made["artifact"] == {"versionIndex": 0, "state": "COMMITTED"}


@pytest.mark.parametrize("id", ["", "x", "QXJ0aWZhY3Q6ZHJhZnQ6bm9uZQ==", "UnVuOnYxOmE6YjpjCg=="])
def test_an_id_of_nothing_is_said_clearly(door: Door, id: str) -> None:
    status = 404 if id else 400
    assert ask(door, "commitArtifact", {"artifactID": id}, "artifact { id }", status)
