"""Media, files, artifacts and models through the whole application."""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from epochal.domain.parcel import open_parcel
from epochal.domain.record import ArtifactUse, File, Media, MediaItem, ModelLink
from epochal.domain.view import RunChange
from epochal.journal.blobs import Blobs
from epochal.journal.frame import FILE_HEADER_SIZE, scan_frames
from tests.server.door import Door
from tests.store.journals import Writing
from tests.store.objects import commit

PNG = b"\x89PNG not really"
PAGE = b"<script>parent.document.cookie</script>"
LARGE = bytes(range(256)) * 5000


class Sender:
    """A run on another machine, sent through the door."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.blobs = Blobs(home)
        w = self.writing = Writing(home, start_us=time.time_ns() // 1000)
        self.uid = w.uid
        self.image = self.blobs.put(PNG, "image/png")
        liar = self.blobs.put(PAGE, "image/png")
        page = self.blobs.put(PAGE, "text/html")
        w.fact(Media("a/b", 1, w.now, [MediaItem("image", {}, {"data": self.image})]))
        w.fact(Media("page", 1, w.now, [MediaItem("html", {}, {"data": page, "x": liar})]))
        for path, data in (("dir/ü.txt", b"text"), ("x.html", PAGE), ("y.svg", PAGE), ("z", PAGE)):
            w.fact(File(w.now, path, self.blobs.put(data, "application/octet-stream")))
        manifest = commit(w, {"w/large.bin": LARGE, "empty": b""}, "net", aliases=["best"])
        w.fact(ModelLink(w.now, "resnet", "local/p/net", manifest.digest, ["champion"]))
        w.fact(ArtifactUse(w.now, "local/p/net", manifest.digest, 0))
        w.finish()

    def journal(self) -> bytes:
        body = self.writing.path.read_bytes()
        return body[: scan_frames(body, FILE_HEADER_SIZE).end]

    def send_journal(self, door: Door) -> None:
        target = f"/api/v1/runs/{self.uid}/journals/{self.writing.writer}?offset=0"
        assert door.ask("PUT", target, body=self.journal()).status == 200
        deadline = time.monotonic() + 60
        while not self.wanted(door):
            assert time.monotonic() < deadline

    def wanted(self, door: Door) -> list[dict[str, Any]]:
        answer = door.ask("GET", f"/api/v1/runs/{self.uid}/wanted")
        return answer.json()["blobs"] if answer.status == 200 else []

    def send_blobs(self, door: Door, piece: int = 1 << 19) -> None:
        while blobs := self.wanted(door):
            for blob in blobs:
                data = self.blobs.read(blob["digest"])
                held = blob["offset"]
                while True:
                    target = f"/api/v1/runs/{self.uid}/blobs/{blob['digest']}"
                    answer = door.ask(
                        "PUT",
                        f"{target}?offset={held}&size={len(data)}",
                        body=data[held : held + piece],
                    )
                    assert answer.status == 200, answer.body
                    held = answer.json()["offset"]
                    if answer.json()["complete"]:
                        break


@pytest.fixture
def door(home: Path) -> Iterator[Door]:
    """The application in local mode on this test's home."""
    with Door(home) as opened:
        yield opened


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    return Sender(tmp_path / "elsewhere")


@pytest.fixture
def full(door: Door, sender: Sender) -> Sender:
    """A run all of whose bytes are on the server."""
    sender.send_journal(door)
    sender.send_blobs(door)
    return sender


def test_records_come_first_and_bytes_follow(door: Door, sender: Sender) -> None:
    """Until they are here, media are on their way, the version is pending and the model too."""
    sender.send_journal(door)
    run = f"/api/v1/runs/{sender.uid}"
    assert sender.wanted(door)[0]["manifest"] is True
    version = door.ask("GET", "/api/v1/artifacts/resolve?name=p/net:v0").json()
    assert (version["state"], version["aliases"]) == ("pending", [])
    assert door.ask("GET", "/api/v1/artifacts/resolve?name=p/net").status == 404
    assert door.ask("GET", "/api/v1/registry/resolve?name=resnet@champion").status == 404
    assert door.ask("GET", f"{run}/blobs/{sender.image.digest}").status == 404
    sender.send_blobs(door)
    version = door.ask("GET", "/api/v1/artifacts/resolve?name=p/net:best").json()
    assert (version["state"], version["files"]) == ("committed", 2)
    assert version["users"][0]["run"]["uid"] == sender.uid
    assert version["models"] == [{"entity": "local", "model": "resnet", "version": 1}]
    model = door.ask("GET", "/api/v1/registry/resolve?name=models:/resnet@champion").json()
    assert (model["version"], model["artifact_version"]) == (1, 0)
    assert door.ask("GET", f"{run}/blobs/{sender.image.digest}").body == PNG
    keys = door.ask("GET", f"{run}/media").json()["keys"]
    assert [key["key"] for key in keys] == ["a/b", "page"]
    page = door.ask("POST", "/api/v1/media/query", json_body={"runs": [sender.uid]}).json()
    assert page["entries"][0]["items"][0]["blobs"]["data"]["present"] is True
    made = door.ask("GET", f"{run}/artifacts").json()
    assert [row["version"] for row in made["made"]] == [0]
    assert made["used"][0]["version"]["name"] == "net"


def test_uploads_go_on_after_a_restart_of_the_server(home: Path, sender: Sender) -> None:
    """F09: what the server held when it was stopped is not sent again."""
    with Door(home) as door:
        sender.send_journal(door)
        digest = next(b["digest"] for b in sender.wanted(door) if b["manifest"])
        data = sender.blobs.read(digest)
        target = f"/api/v1/runs/{sender.uid}/blobs/{digest}?size={len(data)}&offset="
        assert door.ask("PUT", f"{target}0", body=data[:50]).json()["offset"] == 50
    with Door(home) as door:
        assert [b["offset"] for b in sender.wanted(door) if b["digest"] == digest] == [50]
        gap = door.ask("PUT", f"{target}60", body=data[60:])
        assert (gap.status, gap.code) == (409, "offset_mismatch")
        assert gap.json()["error"]["expected"] == 50
        wrong = door.ask("PUT", f"{target}50", body=b"!" * (len(data) - 50))
        assert wrong.status == 400
        sender.send_blobs(door)
        assert door.ask("GET", "/api/v1/artifacts/resolve?name=p/net").status == 200


def test_small_blobs_travel_together(door: Door, sender: Sender) -> None:
    sender.send_journal(door)
    body = b""
    for blob in sender.wanted(door):
        data = sender.blobs.read(blob["digest"])
        body += bytes.fromhex(blob["digest"]) + struct.pack("<I", len(data)) + data
    target = f"/api/v1/runs/{sender.uid}/blobs"
    assert door.ask("PUT", target, body=body[:-1]).status == 400
    answer = door.ask("PUT", target, body=body)
    assert answer.json()["stored"] > 2
    assert all(blob["size"] in (0, len(LARGE)) for blob in sender.wanted(door))
    assert door.ask("PUT", target, body=bytes(9 << 20)).status == 413
    piece = f"{target}/{sender.image.digest}?offset=0&size={9 << 20}"
    assert door.ask("PUT", piece, body=bytes(9 << 20)).status == 413


def test_a_parcel_holds_the_small_blobs_that_are_referred_to(door: Door, full: Sender) -> None:
    """Not large ones, not those of nobody; of a version only its own."""
    other = door.store.blobs.put(b"nobody's").digest
    large = hashlib.sha256(LARGE).hexdigest()
    empty = hashlib.sha256(b"").hexdigest()
    asked = {"digests": [full.image.digest, other, large, empty, empty]}
    answer = door.ask("POST", f"/api/v1/runs/{full.uid}/parcel", json_body=asked)
    assert open_parcel(answer.body) == [(full.image.digest, PNG), (empty, b"")]
    answer = door.ask("POST", "/api/v1/artifacts/parcel?name=p/net:v0", json_body=asked)
    assert open_parcel(answer.body) == [(empty, b"")]
    for wrong in (["x"], [empty] * 1001):
        target = "/api/v1/artifacts/parcel?name=p/net:v0"
        assert door.ask("POST", target, json_body={"digests": wrong}).status == 400
    nowhere = door.ask("POST", f"/api/v1/runs/{'0' * 32}/parcel", json_body=asked)
    assert nowhere.status == 404


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=100-", 206, 100, len(LARGE)),
        ("bytes=-5", 206, len(LARGE) - 5, len(LARGE)),
        (f"bytes=-{len(LARGE) + 5}", 206, 0, len(LARGE)),
        (f"bytes=10-{len(LARGE) + 99}", 206, 10, len(LARGE)),
        (f"bytes={len(LARGE)}-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=5-1", 200, 0, len(LARGE)),
        ("bytes=0-1,5-6", 200, 0, len(LARGE)),
        ("bytes=x", 200, 0, len(LARGE)),
        ("lines=0-1", 200, 0, len(LARGE)),
        ("bytes=-", 200, 0, len(LARGE)),
        ("bytes=" + "9" * 40 + "-", 200, 0, len(LARGE)),
    ],
)
def test_ranges(door: Door, full: Sender, asked: str, status: int, start: int, end: int) -> None:
    answer = door.ask(
        "GET", "/api/v1/artifacts/file?name=p/net&path=w/large.bin", headers={"Range": asked}
    )
    assert answer.status == status
    if status == 416:
        assert answer.header("content-range") == f"bytes */{len(LARGE)}"
        return
    assert answer.body == LARGE[start:end]
    assert answer.header("content-length") == str(end - start)
    expected = f"bytes {start}-{end - 1}/{len(LARGE)}" if status == 206 else None
    assert answer.header("content-range") == expected


def test_conditions_and_head(door: Door, full: Sender) -> None:
    """The digest is the entity tag: a copy that is known is not sent, a changed one is whole."""
    target = "/api/v1/artifacts/file?name=p/net&path=w/large.bin"
    head = door.ask("HEAD", target)
    tag = head.header("etag") or ""
    assert (head.status, head.body, head.header("content-length")) == (200, b"", str(len(LARGE)))
    for value, status in ((tag, 304), (f'"x", W/{tag}', 304), ("*", 304), ('"x"', 200)):
        answer = door.ask("GET", target, headers={"If-None-Match": value})
        assert (answer.status, answer.header("etag")) == (status, tag), value
    for value, status in ((tag, 206), ('"x"', 200)):
        answer = door.ask("GET", target, headers={"Range": "bytes=0-1", "If-Range": value})
        assert answer.status == status
    empty = door.ask("GET", "/api/v1/artifacts/file?name=p/net&path=empty")
    assert (empty.status, empty.body) == (200, b"")
    manifest = door.ask("GET", "/api/v1/artifacts/manifest?name=p/net")
    assert manifest.body == full.blobs.read((manifest.header("etag") or "").strip('"'))
    assert manifest.header("content-type") == "application/vnd.epochal.manifest+json"


@pytest.mark.parametrize("name", ["x.html", "y.svg", "z", "dir/ü.txt"])
def test_nothing_stored_runs_as_our_page(door: Door, full: Sender, name: str) -> None:
    """XSS-01, XSS-02, XSS-10: an attachment in a sandbox, and never text/html."""
    answer = door.ask("GET", f"/api/v1/runs/{full.uid}/files/{quote(name)}")
    assert answer.status == 200
    assert answer.all("content-security-policy") == [
        "sandbox; default-src 'none'; frame-ancestors 'none'"
    ]
    disposition = answer.header("content-disposition") or ""
    assert disposition.startswith('attachment; filename="')
    assert disposition.endswith(f"filename*=UTF-8''{quote(name.rpartition('/')[2])}")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cross-origin-resource-policy") == "same-origin"
    assert "html" not in (answer.header("content-type") or "")


def test_a_frame_gets_html_in_an_origin_of_its_own(door: Door, full: Sender) -> None:
    """XSS-04: scripts may run, but neither with our origin nor with a connection."""
    target = f"/api/v1/runs/{full.uid}/files/x.html"
    answer = door.ask("GET", f"{target}?view=frame")
    assert (answer.header("content-type") or "").startswith("text/html")
    policy = answer.header("content-security-policy") or ""
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert answer.all("x-frame-options") == ["SAMEORIGIN"]
    assert door.ask("GET", f"{target}?view=raw").status == 400
    other = door.ask("GET", f"/api/v1/runs/{full.uid}/files/y.svg?view=frame")
    assert (other.header("content-disposition") or "").startswith("attachment")


def test_images_are_shown_in_place(door: Door, full: Sender) -> None:
    """XSS-03: a lie about the type makes a broken image, because nothing is sniffed."""
    blobs = f"/api/v1/runs/{full.uid}/blobs/"
    answer = door.ask("GET", blobs + full.image.digest)
    assert answer.header("content-type") == "image/png"
    assert (answer.header("content-disposition") or "").startswith("inline")
    assert "immutable" in (answer.header("cache-control") or "")
    for digest in ("0" * 64, full.blobs.put(b"never sent").digest):
        assert door.ask("GET", blobs + digest).status == 404
    assert door.ask("GET", blobs + "x").status == 400


HOSTILE = [
    "../../../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cwindows%5cwin.ini", "/etc/passwd", "//etc/passwd", "C:%5cx", "C:x",
    "%5c%5chost%5cshare", "a/./b", "a//b", "a/", ".", "%20", "x%00.png", "x%0a", "x%c2%85",
    "x%e2%80%a8", "x%e2%80%ae", "..;/x", "x;/../etc", "x%3f/../..", "a" * 300, "a/" * 2500 + "b",
    "%ff%fe", "x/" * 300 + "%00",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_paths_open_nothing(
    door: Door, full: Sender, opened: list[str], path: str
) -> None:
    """PT-01 to PT-15: refused on each route that takes a path, and no file is opened for it."""
    for target in (
        f"/api/v1/runs/{full.uid}/files/{path}",
        f"/api/v1/artifacts/file?name=p/net&path={path}",
    ):
        opened.clear()
        answer = door.ask("GET", target)
        assert answer.status == 400, (target, answer.status, answer.body)
        assert answer.code == "invalid_input"
        assert [name for name in opened if "epochal.db" not in name] == []


def test_a_path_is_never_decoded_twice(door: Door, full: Sender) -> None:
    """PT-04, PT-11: the literal name is looked up."""
    for path in ("%252e%252e%252fetc", "x%23..%23y", "nothing.txt"):
        assert door.ask("GET", f"/api/v1/runs/{full.uid}/files/{path}").status == 404
        target = f"/api/v1/artifacts/file?name=p/net&path={path}"
        assert door.ask("GET", target).status == 404


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that the process opens."""
    names: list[str] = []
    real = os.open

    def watching(path: Any, *arguments: Any, **given: Any) -> int:
        names.append(str(path))
        return real(path, *arguments, **given)

    monkeypatch.setattr(os, "open", watching)
    return names


def test_people_change_versions_and_models(door: Door, full: Sender) -> None:
    version = "/api/v1/artifacts/version?name=p/net:v0"
    changed = door.ask("PATCH", version, json_body={"aliases": ["prod"], "tags": ["x"]}).json()
    assert (changed["aliases"], changed["tags"]) == (["latest", "prod"], ["x"])
    for bad in ({"aliases": ["v1"]}, {"aliases": ["latest"]}, {"ttl_s": -1}, {"digest": "x"}):
        assert door.ask("PATCH", version, json_body=bad).status == 400
    assert door.ask("DELETE", version).status == 409
    model = "/api/v1/models/resnet"
    stage = {"stage": "production", "tags": {"a": "b"}}
    row = door.ask("PATCH", f"{model}/versions/1", json_body=stage).json()
    assert (row["stage"], row["tags"]) == ("production", {"a": "b"})
    assert door.ask("PATCH", f"{model}/versions/1", json_body={"stage": "x"}).status == 400
    history = door.ask("GET", model).json()["events"]
    assert (history[0]["what"], history[1]["after"]) == ("tag", "production")
    assert door.ask("POST", "/api/v1/models", json_body={"name": "resnet"}).status == 409
    assert door.ask("POST", "/api/v1/models", json_body={"name": "a/b"}).status == 400
    assert door.ask("POST", "/api/v1/models", json_body={"name": "other"}).status == 201
    made = door.ask("POST", "/api/v1/models/other/versions", json_body={"artifact": "p/net:prod"})
    assert (made.status, made.json()["version"]) == (201, 1)
    assert door.ask("GET", "/api/v1/models/other/versions/1").json()["artifact"] == "local/p/net"
    assert [m["name"] for m in door.ask("GET", "/api/v1/models").json()["models"]] == [
        "other", "resnet",
    ]  # fmt: skip
    for gone in ("/api/v1/models/other/versions/1", "/api/v1/models/other", model):
        assert door.ask("DELETE", gone).status == 204
        assert door.ask("DELETE", gone).status == 404
    assert door.ask("DELETE", f"{version}&force=true").status == 204
    assert door.ask("DELETE", "/api/v1/artifacts?name=p/net:v0").status == 400
    assert door.ask("DELETE", "/api/v1/artifacts?name=p/net").status == 204
    report = door.ask("POST", "/api/v1/gc", json_body={}).json()
    assert (report["dry_run"], report["blobs"]) == (True, 0)
    assert report["kept_bytes"] > len(LARGE)


def test_lists_diffs_and_lineage(door: Door, full: Sender) -> None:
    found = door.ask("GET", "/api/v1/artifacts?project=p&type=dataset&search=NE").json()
    assert [row["name"] for row in found["artifacts"]] == ["net"]
    assert door.ask("GET", "/api/v1/artifacts?search=%25").json()["artifacts"] == []
    versions = door.ask("GET", "/api/v1/artifacts/versions?name=p/net").json()
    assert (versions["total"], versions["versions"][0]["size"]) == (1, len(LARGE))
    diff = door.ask("GET", "/api/v1/artifacts/diff?before=p/net:v0&after=p/net").json()
    assert (diff["same"], diff["added"]) == (2, [])
    graph = door.ask("GET", "/api/v1/artifacts/lineage?name=p/net&depth=999").json()
    assert {node["kind"] for node in graph["nodes"]} == {"run", "version", "model"}
    for bad in ("", "a/b/c/", "net:", "x" * 2000, "%00"):
        assert door.ask("GET", f"/api/v1/artifacts/resolve?name={bad}").status == 400, bad


def test_what_people_change_is_told_to_open_pages(
    door: Door, full: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alias, a stage, a new model version and a deletion, each with the run that made it."""
    told: list[tuple[str, list[str]]] = []
    real = door.store.announce

    def announce(change: RunChange) -> None:
        told.append((change.uid, list(change.what)))
        real(change)

    monkeypatch.setattr(door.store, "announce", announce)
    steps: list[tuple[str, str, Any]] = [
        ("PATCH", "/api/v1/artifacts/version?name=p/net:v0", {"add_aliases": ["live"]}),
        ("PATCH", "/api/v1/models/resnet/versions/1", {"stage": "staging"}),
        ("POST", "/api/v1/models/resnet/versions", {"artifact": "p/net:v0"}),
        ("DELETE", "/api/v1/models/resnet/versions/1", None),
        ("DELETE", "/api/v1/artifacts/version?name=p/net:v0&force=true", None),
    ]
    for method, target, body in steps:
        told.clear()
        assert door.ask(method, target, json_body=body).status < 300, target
        assert (full.uid, ["artifacts"]) in told, target
