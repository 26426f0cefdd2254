"""Artifacts through the server, by MLflow's own client and by hostile paths."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

import epochal
from tests.server.processes import Running

BASE = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def run(client: MlflowClient) -> str:
    """A new run."""
    return str(client.create_run("0").info.run_id)


def test_files_and_folders_go_in_and_come_back(
    client: MlflowClient, server: Running, run: str, tmp_path: Path
) -> None:
    """Empty, large, nested, with spaces and other alphabets; listed, fetched, and in our API."""
    given = {
        "empty": b"",
        "large.bin": os.urandom(5_000_000),
        "nested/deep/näme with space.txt": b"text",
        "nested/100% of it.json": b"{}",
    }
    source = tmp_path / "source"
    for name, data in given.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    client.log_artifacts(run, str(source))
    client.log_text(run, "hello", "notes/a.txt")
    listed = {one.path: (one.is_dir, one.file_size) for one in client.list_artifacts(run)}
    assert listed == {
        "empty": (False, 0), "large.bin": (False, 5_000_000), "nested": (True, None),
        "notes": (True, None),
    }  # fmt: skip
    inside = [one.path for one in client.list_artifacts(run, "nested")]
    assert inside == ["nested/100% of it.json", "nested/deep"]
    assert client.list_artifacts(run, "empty") == []
    target = tmp_path / "target"
    target.mkdir()
    download_artifacts(run_id=run, dst_path=str(target), tracking_uri=server.address.url)
    for name, data in given.items():
        assert (target / name).read_bytes() == data, name
    assert (target / "notes/a.txt").read_text() == "hello"
    files = server.json("GET", f"/api/v1/runs/{run}/files")["files"]
    assert {one["path"] for one in files} == {*given, "notes/a.txt"}


def test_a_name_is_a_file_or_a_folder(
    client: MlflowClient, server: Running, run: str, tmp_path: Path
) -> None:
    """As in a folder on a disk: the second one is refused, whole or in parts; nothing is left."""
    client.log_text(run, "first", "a")
    client.log_text(run, "first", "b/c/d")
    base = f"{BASE}/0/{run}/artifacts"
    parts = f"/api/2.0/mlflow-artifacts/mpu/create/0/{run}/artifacts/a"
    refused = [
        server.ask("PUT", f"{base}/a/b", b"second"),
        server.ask("PUT", f"{base}/a/b/c", b"second"),
        server.ask("PUT", f"{base}/b", b"second"),
        server.ask("PUT", f"{base}/b/c", b"second"),
        server.ask(
            "POST", parts, b'{"path": "x", "num_parts": 1}', {"Content-Type": "application/json"}
        ),
    ]
    for status, answer in refused:
        assert (status, json.loads(answer)["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert "is a f" in json.loads(answer)["message"]  # a file, or a folder
    listed = [(one.path, one.is_dir) for one in client.list_artifacts(run)]
    assert listed == [("a", False), ("b", True)]
    target = download_artifacts(
        run_id=run, dst_path=str(tmp_path), tracking_uri=server.address.url
    )
    assert (Path(target) / "a").read_text() == (Path(target) / "b/c/d").read_text() == "first"
    client.log_text(run, "again", "a")
    assert server.ask("DELETE", f"{base}/a")[0] == server.ask("DELETE", f"{base}/b/c/d")[0] == 200
    client.log_text(run, "second", "a/b")
    client.log_text(run, "second", "b")
    listed = [(one.path, one.is_dir) for one in client.list_artifacts(run)]
    assert listed == [("a", True), ("b", False)]


def test_an_artifact_can_be_replaced_and_removed(
    client: MlflowClient, server: Running, run: str
) -> None:
    for text in ("one", "two"):
        client.log_text(run, text, "f.txt")
        path = f"{BASE}/0/{run}/artifacts/f.txt"
        assert server.ask("GET", path) == (200, text.encode())
    client.log_text(run, "x", "d/e/g.txt")
    assert server.ask("DELETE", f"{BASE}/0/{run}/artifacts/d") == (200, b"{}")
    assert [one.path for one in client.list_artifacts(run)] == ["f.txt"]
    status, answer = server.ask("DELETE", f"{BASE}/0/{run}/artifacts/d")
    assert (status, json.loads(answer)["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc", "..\\..\\win.ini",
        "/etc/passwd", "C:/x", "x%00.png", "a/./b", "a//b", "..;/x", "x%ff%fe", "CON",
        "s" * 300, "x%0a",
    ],
)  # fmt: skip
def test_a_path_that_could_lead_elsewhere_is_refused(server: Running, run: str, path: str) -> None:
    """PT-01 to PT-15: 400, whatever the method, and nothing is stored."""
    target = f"{BASE}/0/{run}/artifacts/{path}"
    for method in ("PUT", "GET", "DELETE"):
        line = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        head = server.raw(f"{line}Connection: close\r\n\r\nx".encode("latin-1"))
        assert head.split(b" ")[1] == b"400", (method, head)
    assert server.json("GET", f"/api/v1/runs/{run}/files")["files"] == []
    status, _ = server.ask("GET", f"{BASE}?path={quote(f'0/{run}/artifacts/../x')}")
    assert status == 400


def test_what_looks_encoded_is_a_name(server: Running, run: str) -> None:
    """PT-04: nothing is decoded a second time; a missing file and a folder are 404."""
    for path in ("%252e%252e%252fetc", "nothing.txt", ""):
        status, answer = server.ask("GET", f"{BASE}/0/{run}/artifacts/{path}")
        assert status == 404, (path, answer)
    status, answer = server.ask("PUT", f"{BASE}/0/models/m-1/artifacts/x", b"x")
    assert (status, json.loads(answer)["error_code"]) == (501, "NOT_IMPLEMENTED")
    status, answer = server.ask("PUT", f"{BASE}/0/{'f' * 32}/artifacts/x", b"x")
    assert (status, json.loads(answer)["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    "path",
    ["%252e%252e/x", "d/%25252e%25252e%25252fx", "a%23b.txt", "%252fetc", "folder/", "f%2f"],
)
def test_a_name_that_fails_the_clients_list_is_refused(
    client: MlflowClient, server: Running, run: str, path: str
) -> None:
    """The client decodes names until nothing changes, and then refuses the whole list."""
    status, answer = server.ask("PUT", f"{BASE}/0/{run}/artifacts/{path}", b"x")
    assert (status, json.loads(answer)["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert client.list_artifacts(run) == []


def test_such_a_file_of_another_client_is_left_out_of_the_list(
    client: MlflowClient,
    server: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait_for: Callable[..., Any],
) -> None:
    """It is where it was; the others are there for this client, too."""
    (tmp_path / "a#b.txt").write_text("x")
    (tmp_path / "plain.txt").write_text("y")
    monkeypatch.setenv("EPOCHAL_HOME", server.json("GET", "/api/v1/info")["home"])
    made = epochal.init(project="hashes", settings={"silent": True})
    made.save(str(tmp_path / "*.txt"), base_path=str(tmp_path))
    made.finish()
    reader = epochal.connect(server.address.url)
    wait_for(lambda: any(row.name == "hashes" for row in reader.projects()))
    run = reader.run(made.id, "hashes")
    wait_for(lambda: {"a#b.txt", "plain.txt"} <= {file.path for file in run.files()})
    listed = [one.path for one in client.list_artifacts(run.uid)]
    assert "plain.txt" in listed
    assert "a#b.txt" not in listed


def test_folders_above_those_of_runs_are_listed(
    client: MlflowClient, server: Running, experiment: str, tmp_path: Path, monkeypatch: Any
) -> None:
    """What an experiment tells as its place is downloaded with all runs and logged models."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address.url)
    run = client.create_run(experiment).info.run_id
    client.create_run(experiment)  # it has no files
    client.log_text(run, "hello", "notes/a.txt")
    model = client.create_logged_model(experiment, "net", source_run_id=run)
    client.log_model_artifact(model.model_id, str(_file(tmp_path / "MLmodel")))
    place = client.get_experiment(experiment).artifact_location
    fetched = Path(download_artifacts(place, dst_path=str(tmp_path / "all")))
    found = sorted(str(one.relative_to(fetched)) for one in fetched.rglob("*") if one.is_file())
    assert found == sorted(
        [f"{run}/artifacts/notes/a.txt", f"models/{model.model_id}/artifacts/MLmodel"]
    )
    one_run = Path(download_artifacts(f"{place}/{run}", dst_path=str(tmp_path / "one")))
    assert (one_run / "artifacts" / "notes" / "a.txt").read_text() == "hello"
    shown = json.loads(server.ask("GET", f"{BASE}?path=")[1])["files"]
    assert {"path": experiment, "is_dir": True} in shown
    for nowhere in ("123", "x", f"{experiment}/{'f' * 32}", f"{experiment}/models/m-{'f' * 32}"):
        assert json.loads(server.ask("GET", f"{BASE}?path={nowhere}")[1]) == {"files": []}
        assert server.ask("GET", f"{BASE}/{nowhere}")[0] == 404
    assert server.ask("GET", f"{BASE}?path={quote('file:///etc')}")[0] == 400


def _file(path: Path) -> Path:
    path.write_text("flavors: {}")
    return path


def test_large_files_come_side_by_side(server: Running, run: str) -> None:
    """Each name has the bytes that were sent to it; one that several send to has those of one."""
    bodies = [os.urandom(3_000_000 + index) for index in range(4)]

    def put(body: bytes) -> list[int]:
        names = ["same.bin", f"{len(body)}.bin"]
        paths = [f"{BASE}/0/{run}/artifacts/{name}" for name in names]
        return [server.ask("PUT", path, body)[0] for path in paths]

    with ThreadPoolExecutor(len(bodies)) as threads:
        assert list(threads.map(put, bodies)) == [[200, 200]] * len(bodies)
    for body in bodies:
        path = f"{BASE}/0/{run}/artifacts/{len(body)}.bin"
        assert server.ask("GET", path) == (200, body)
    assert server.ask("GET", f"{BASE}/0/{run}/artifacts/same.bin")[1] in bodies


@pytest.mark.parametrize("sent", [10, 2_500_000])
def test_of_an_upload_that_breaks_off_nothing_is_left(
    server: Running, run: str, sent: int, wait_for: Callable[..., Any]
) -> None:
    """Fewer bytes than were announced make no file, and no other file either."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        line = f"PUT {BASE}/0/{run}/artifacts/x.bin HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall(f"{line}Content-Length: 5000000\r\n\r\n".encode() + bytes(sent))
        wait_for(lambda: unfinished(server))
    wait_for(lambda: not unfinished(server))
    assert server.ask("GET", f"{BASE}/0/{run}/artifacts/x.bin")[0] == 404
    assert server.ask("PUT", f"{BASE}/0/{run}/artifacts/x.bin", b"whole")[0] == 200


def test_a_disk_without_room_is_told_and_the_next_try_succeeds(server: Running, run: str) -> None:
    """The client, which sends on to the end, hears it; nothing of the file is left."""
    path = f"{BASE}/0/{run}/artifacts/x.bin"
    data = os.urandom(9_000_000)
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (5_000_000, before[1]))
    try:
        status, answer = server.ask("PUT", path, data)
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
    assert (status, json.loads(answer)["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert (unfinished(server), server.ask("GET", path)[0]) == ([], 404)
    assert server.ask("PUT", path, data)[0] == 200
    assert server.ask("GET", path) == (200, data)


def unfinished(server: Running) -> list[Path]:
    """Files of uploads under way."""
    return list((server.log.with_suffix("") / "blobs" / "tmp").glob("deposit.*"))


def test_a_file_can_be_sent_in_parts(
    client: MlflowClient,
    server: Running,
    run: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the client that is told to, and with as many parts as it likes; nothing of it is left."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "300000")
    data = os.urandom(1_000_001)
    path = tmp_path / "large.bin"
    path.write_bytes(data)
    client.log_artifact(run, str(path), "folder")
    assert server.ask("GET", f"{BASE}/0/{run}/artifacts/folder/large.bin") == (200, data)
    assert [one.file_size for one in client.list_artifacts(run, "folder")] == [1_000_001]


def test_parts_that_are_missing_or_not_what_they_were_are_refused(
    server: Running, run: str
) -> None:
    """No file is made of them; an upload, a part and a path that cannot be are 400."""
    mpu = "/api/2.0/mlflow-artifacts/mpu"
    body = {"path": "C:\\there\\x.bin", "num_parts": 2}
    made = server.json("POST", f"{mpu}/create/0/{run}/artifacts", body)
    assert [one["part_number"] for one in made["credentials"]] == [1, 2]
    address = made["credentials"][0]["url"].removeprefix(server.address.url)
    assert server.ask("PUT", address, b"one")[0] == 200
    digest = hashlib.sha256(b"one").hexdigest()
    finish = {"path": "x.bin", "upload_id": made["upload_id"]}
    for parts, status in (
        ([{"part_number": 1, "etag": digest}, {"part_number": 2, "etag": digest}], 404),
        ([{"part_number": 1, "etag": "0" * 64}], 400),
        ([{"part_number": 0, "etag": digest}], 400),
        ([{"part_number": 1, "etag": f'"{digest}"'}], 200),
    ):
        given = json.dumps(finish | {"parts": parts}).encode()
        kind = {"Content-Type": "application/json"}
        path = f"{mpu}/complete/0/{run}/artifacts"
        assert server.ask("POST", path, given, kind)[0] == status, parts
    assert server.ask("GET", f"{BASE}/0/{run}/artifacts/x.bin") == (200, b"one")
    for path in (f"create/0/{run}/artifacts/../x", "create/nowhere"):
        given = json.dumps(body).encode()
        assert server.ask("POST", f"{mpu}/{path}", given, kind)[0] in (400, 501)
    for upload in ("x", "..", "a" * 31):
        assert server.ask("PUT", f"{mpu}/parts/{upload}/1", b"x")[0] in (400, 404, 501)
    assert server.json("POST", f"{mpu}/abort/0/{run}/artifacts", finish) == {}
