"""A running server is read page by page, with MLflow's own credentials, and sent no others."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from mlflow import MlflowClient

from epochal.api import connect
from epochal.errors import EpochalError, InvalidInput, NotFound, Unauthenticated, Unavailable
from epochal.imports.mlflow import Importer
from epochal.imports.mlflow.connection import Connection
from tests.conftest import Server


def test_runs_of_a_server_come_over(server: Server, tmp_path: Path, monkeypatch) -> None:
    """The real client logs to a server; an import from it reads the same, once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    client = MlflowClient(server.url)
    experiment = client.create_experiment("remote")
    run = client.create_run(experiment, run_name="first", tags={"a": "b"}).info.run_id
    client.log_param(run, "lr", "0.10")
    for step in range(5):
        client.log_metric(run, "loss", 1 / (step + 1), step=step, timestamp=1_000 + step)
    client.log_metric(run, "odd", math.nan, step=2)
    client.log_metric(run, "odd", math.inf, step=3)
    client.log_text(run, "hello", "notes/a b.txt")
    client.set_terminated(run)
    deleted = client.create_run(experiment, run_name="gone").info.run_id
    client.delete_run(deleted)

    home = tmp_path / "other"
    for new in (2, 0):
        with Importer(home, server.url) as importer:
            importer.carry()
            assert len(importer.outcome.runs) == new
            assert importer.outcome.problems == []
    here = connect(home=home).run("first", "remote")
    assert (here.config, here.series("loss").step.tolist()) == ({"lr": "0.10"}, [0, 1, 2, 3, 4])
    assert here.series("loss").time.tolist() == [(1_000 + step) * 1000 for step in range(5)]
    assert math.isnan(here.series("odd").value[0])
    assert here.series("odd").value[1] == math.inf
    place = here.file("notes/a b.txt").download(tmp_path / "out")
    assert Path(place).read_text() == "hello"


class Answering(BaseHTTPRequestHandler):
    """Answers as its server was told to, and notes who asks."""

    answers: ClassVar[dict[str, tuple[int, bytes]]] = {}
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        status, body = self.answers[self.path.partition("?")[0]]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def odd_server() -> Iterator[str]:
    """A server that answers oddly."""
    Answering.answers = {
        "/html": (200, b"<html>"),
        "/list": (200, b"[]"),
        "/401": (401, b'{"error_code": "UNAUTHENTICATED", "message": "who are you"}'),
        "/404": (404, b"not here"),
        "/500": (500, b"{}"),
        "/302": (302, b"{}"),
        "/good": (200, b"{}"),
    }
    Answering.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://user:p%40ss@127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("/html", InvalidInput, "does not answer as an MLflow server"),
        ("/list", InvalidInput, "does not answer as an MLflow server"),
        ("/401", Unauthenticated, "who are you"),
        ("/404", NotFound, "not here"),
        ("/500", Unavailable, "answers 500"),
        ("/302", InvalidInput, "answers 302"),
    ],
)
def test_an_odd_answer_is_explained(
    odd_server: str, path: str, error: type[EpochalError], words: str
) -> None:
    connection = Connection(odd_server, {})
    with pytest.raises(error, match=words) as raised:
        connection.ask("GET", path, {})
    connection.close()
    assert "p@ss" not in str(raised.value) + connection.shown


def test_credentials_come_from_the_address_or_from_mlflows_variables(odd_server: str) -> None:
    plain = odd_server.replace("user:p%40ss@", "")
    for url, environment in (
        (odd_server, {}),
        (plain, {"MLFLOW_TRACKING_USERNAME": "a", "MLFLOW_TRACKING_PASSWORD": "b"}),
        (plain, {"MLFLOW_TRACKING_TOKEN": "t"}),
        (plain, {}),
    ):
        connection = Connection(url, environment)
        assert connection.ask("GET", "/good", {}) == {}
        connection.close()
    assert Answering.seen == ["Basic dXNlcjpwQHNz", "Basic YTpi", "Bearer t", ""]


def test_no_server_at_all_is_told_as_such(tmp_path: Path) -> None:
    """Nobody listens on a port that was just given back."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    port = server.server_port
    server.server_close()
    with (
        Importer(tmp_path / "home", f"http://127.0.0.1:{port}") as importer,
        pytest.raises(Unavailable, match="cannot be reached"),
    ):
        importer.carry()


@pytest.mark.parametrize("url", ["http://", "http://host:port", "https://:80"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="is no address"):
        Connection(url)
