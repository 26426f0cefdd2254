"""AU-01 and AU-02 for wandb's routes: who may ask what, and what an address allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from epochal.domain.access import LOCAL_USER, Permission, Role
from epochal.server.site import declared_routes
from epochal.service import access
from tests.server.door import Answer, Door
from tests.server.foreign import is_wandb

READ, WRITE = Permission.READ, Permission.WRITE
FILE = "/files/{entity:str}/{project:str}/{run_id:str}/{path:path}"
MATRIX: dict[tuple[str, str], Permission | None] = {
    ("POST", "/graphql"): READ,
    ("POST", "/files/{entity:str}/{project:str}/{run_id:str}/file_stream"): WRITE,
    ("PUT", FILE): None,  # the address is the permission
    ("GET", FILE): None,  # an address or a key
    ("PUT", "/artifacts/blob/{name:str}"): None,
    ("PUT", "/artifacts/manifest/{name:str}"): None,
    ("GET", "/artifacts/manifest/{name:str}"): None,
    ("GET", "/artifacts/file/{name:str}"): None,
    ("GET", "/artifactsV2/{path:path}"): None,  # a key
    ("POST", "/sdk/otel/v1/{path:path}"): None,
    ("GET", "/{entity:str}/{project:str}"): None,
    ("GET", "/{entity:str}/{project:str}/{rest:path}"): None,
    ("GET", "/local/{path:path}"): None,
}
BEGIN = """mutation B { upsertBucket(input: {modelName: "p", entityName: "local", name: "r"}) {
  bucket { id } inserted } }"""
FILES = """mutation F { createRunFiles(input: {entityName: "local", projectName: "p", runName: "r",
  files: ["a/b.txt"]}) { files { name uploadUrl } } }"""


@pytest.fixture
def team(home: Path) -> Iterator[Door]:
    with Door(home, auth=True) as door:
        yield door


def key(team: Door, role: Role) -> str:
    return access.create_key(team.store, LOCAL_USER, role.name.lower(), role)


def ask(team: Door, query: str, text: str | None) -> Answer:
    headers = {"Authorization": f"Bearer {text}"} if text else {}
    return team.ask("POST", "/graphql", json_body={"query": query}, token=False, headers=headers)


def test_the_matrix_names_every_route(team: Door) -> None:
    """A route that is missing here, or here only, fails the build."""
    found = {
        (method, path): handler.opt["permission"]
        for method, path, handler in declared_routes(team.app.routes)
        if is_wandb(path)
    }
    assert found == MATRIX


def test_reading_needs_a_key_and_changing_a_writers(team: Door) -> None:
    """401 and 403 in the shape that the client prints."""
    reader, writer = key(team, Role.READER), key(team, Role.WRITER)
    refused = ask(team, "{ viewer { id } }", None)
    assert refused.status == 401
    assert refused.json()["errors"][0]["message"].startswith("user is not logged in")
    assert ask(team, "{ viewer { id } }", reader).status == 200
    assert ask(team, BEGIN, reader).status == 403
    assert ask(team, BEGIN, writer).json()["data"]["upsertBucket"]["inserted"] is True
    path = "/files/local/p/r/file_stream"
    for text, status in ((reader, 403), (writer, 200)):
        headers = {"Authorization": f"Bearer {text}"}
        assert team.ask("POST", path, json_body={}, token=False, headers=headers).status == status


def test_an_address_is_good_for_its_file_and_action_only(team: Door) -> None:
    """It needs no key; another file, another action, a changed letter and a stranger get 403."""
    writer = key(team, Role.WRITER)
    ask(team, BEGIN, writer)
    url = ask(team, FILES, writer).json()["data"]["createRunFiles"]["files"][0]["uploadUrl"]
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    assert team.ask("GET", target, token=False).status == 403
    assert team.ask("PUT", target[:-1] + "x", body=b"evil", token=False).status == 403
    assert team.ask("PUT", parts.path, body=b"evil", token=False).status == 403
    assert team.ask("PUT", target, body=b"good", token=False).status == 200
    # The path beside it changes nothing: the address means the file that it was given for.
    elsewhere = f"/files/local/p/r/other.txt?{parts.query}"
    assert team.ask("PUT", elsewhere, body=b"better", token=False).status == 200
    assert team.ask("GET", parts.path, token=False).status == 401
    held = {"Authorization": f"Bearer {writer}"}
    assert team.ask("GET", parts.path, token=False, headers=held).body == b"better"
    missing = team.ask("GET", "/files/local/p/r/other.txt", token=False, headers=held)
    assert missing.status == 404
    part = team.ask("GET", parts.path, token=False, headers={**held, "range": "bytes=1-3"})
    assert (part.status, part.body) == (206, b"ett")
