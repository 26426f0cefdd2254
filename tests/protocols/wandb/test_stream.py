"""file_stream as a client on a bad line sends it: repeated, reordered, torn, absurd."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.names import run_uid
from epochal.journal.reader import JournalReader
from epochal.protocols.wandb.memory import added, new_parts
from epochal.protocols.wandb.stream import SILENCE_S
from tests.server.door import Answer, Door

PATH = "/files/local/p/r/file_stream"
UID = run_uid("local", "p", "r")
BEGIN = """mutation B($id: String!) { upsertBucket(input: {modelName: "p", name: $id}) {
  bucket { id name } inserted } }"""


@pytest.fixture
def door(home: Path) -> Iterator[Door]:
    with Door(home) as opened:
        begin(opened, "r")
        yield opened


def begin(door: Door, id: str) -> Any:
    body = {"query": BEGIN, "variables": {"id": id}}
    return door.ask("POST", "/graphql", json_body=body).json()["data"]["upsertBucket"]


def rows(first: int, count: int) -> list[str]:
    return [
        json.dumps({"loss": n, "_step": n, "_timestamp": 1e9 + n, "_runtime": n})
        for n in range(first, first + count)
    ]


def send(
    door: Door, status: int = 200, path: str = PATH, writer: str = "", **files: Any
) -> Answer:
    """One request; files as ``history=(offset, lines)``."""
    headers = {"X-Wandb-Async-Client-Id": writer} if writer else None
    names = {
        "history": "wandb-history.jsonl", "events": "wandb-events.jsonl",
        "summary": "wandb-summary.json", "output": "output.log",
    }  # fmt: skip
    content = {
        names[name]: {"offset": value[0], "content": value[1]}
        for name, value in files.items()
        if name in names
    }
    more = {name: value for name, value in files.items() if name not in names}
    answer = door.ask("POST", path, json_body={"files": content, **more}, headers=headers)
    assert answer.status == status, answer.body
    return answer


def points(door: Door, key: str = "loss") -> list[tuple[int, Any]]:
    """Step and value of every point."""
    query = f"?metric_key={key}&run_id={UID}"
    answer = door.ask("GET", f"/api/2.0/mlflow/metrics/get-history{query}")
    return [(point["step"], point["value"]) for point in answer.json()["metrics"]]


def detail(door: Door) -> Any:
    return door.ask("GET", f"/api/v1/runs/{UID}").json()


def console(door: Door) -> list[tuple[str, str]]:
    lines = door.ask("GET", f"/api/v1/runs/{UID}/logs").json()["lines"]
    return [(line["stream"], line["text"]) for line in lines]


# ------------------------------------------------------------------------------------------ lines
def test_chunks_in_any_order_and_number_are_taken_once(door: Door) -> None:
    """Whatever the network does, each line counts once."""
    for first, count in [(0, 10), (20, 10), (0, 10), (5, 20), (25, 15), (10, 10), (0, 40)]:
        send(door, history=(first, rows(first, count)))
    assert points(door) == [(n, n) for n in range(40)]


def test_keys_in_another_order_each_time_are_one_key_set(home: Path) -> None:
    """wandb's client has no order of its own; a key set for each line would fill the journal."""
    keys = [f"metric/{index:02d}" for index in range(20)]
    lines = []
    for n in range(300):
        random.Random(n).shuffle(keys)
        lines.append(json.dumps({"_step": n, **dict.fromkeys(keys, n / 7)}))
    with Door(home) as door:
        begin(door, "r")
        send(door, history=(0, lines[:295]))
        send(door, history=(295, lines[295:]))  # few enough to be taken one by one
        (journal,) = (home / "runs" / UID).glob("*.ej")
        reader = JournalReader(str(journal))
        assert len(reader.read().rows) == 300
        assert len(reader.schemas) == 1
        assert len(points(door, "metric/07")) == 300


def test_lines_that_come_again_after_a_restart_are_known(home: Path) -> None:
    with Door(home) as door:
        begin(door, "r")
        send(door, history=(0, rows(0, 10)), output=(0, ["a", "b"]))
    with Door(home) as door:
        assert begin(door, "r")["inserted"] is False
        send(door, history=(5, rows(5, 10)), output=(1, ["b", "c"]))
        assert points(door) == [(n, n) for n in range(15)]
        assert [text for _, text in console(door)] == ["a", "b", "c"]


def test_an_offline_run_that_is_synced_twice_is_there_once(door: Door) -> None:
    """The client then counts its lines from where the server says it was."""
    send(door, history=(0, rows(0, 10)))
    send(door, history=(10, rows(0, 10)))
    send(door, history=(20, rows(10, 2)))
    assert points(door) == [(n, n) for n in range(12)]


def test_spans_are_cut_and_joined() -> None:
    """The arithmetic of lines taken: parts that are new, spans that grow together."""
    spans: list[tuple[int, int]] = []
    for first, end in [(5, 8), (0, 2), (10, 12)]:
        spans = added(spans, first, end)
    assert spans == [(0, 2), (5, 8), (10, 12)]
    assert new_parts(spans, 0, 15) == [(2, 5), (8, 10), (12, 15)]
    assert new_parts(spans, 6, 1) == []
    assert added(spans, 2, 5) == [(0, 8), (10, 12)]


def test_processes_that_share_a_run_count_their_own_lines(door: Door) -> None:
    """``mode="shared"``: each sends a header, its lines and console stand beside the others'."""
    for part in range(2):
        for writer, base in (("one", 0), ("two", 1_000)):
            lines = rows(base + 5 * part, 5)
            send(door, writer=writer, history=(5 * part, lines), output=(part, [writer]))
    send(door, writer="two", history=(0, rows(1_000, 10)), output=(0, ["two", "TWO"]))
    assert [step for step, _ in points(door)] == [*range(10), *range(1_000, 1_010)]
    assert [text for _, text in console(door)] == ["one", "two", "one", "TWO"]


def test_console_lines_that_come_late_stand_in_their_place(door: Door) -> None:
    send(door, output=(2, ["c", "d"]))
    send(door, output=(0, ["a", "b"]))
    assert {text for _, text in console(door)} == {"a", "b", "c", "d"}


def test_console_lines_that_come_late_are_kept_though_the_server_was_restarted(
    home: Path,
) -> None:
    """wandb 0.16 sends what stands further down first, and the rest only when that is answered."""
    with Door(home) as door:
        begin(door, "r")
        send(door, output=(0, ["a", "b"]))
        send(door, output=(4, ["e", "f"]))
    with Door(home) as door:
        send(door, output=(1, ["b", "c"]))
        send(door, output=(12_345, ["z"]))
    with Door(home) as door:
        send(door, output=(3, ["d", "e"]))
        send(door, output=(11_000, ["y"]))
        send(door, output=(11_000, ["y"]))
        assert sorted(text for _, text in console(door) if text) == list("abcdefyz")


# ----------------------------------------------------------------------------------------- values
def test_bare_nan_and_infinities_are_kept(door: Door) -> None:
    line = '{"loss": NaN, "up": Infinity, "down": -Infinity, "_step": 3}'
    send(door, history=(0, [line]))
    metrics = {metric["key"]: metric["last"] for metric in detail(door)["metrics"]}
    assert metrics == {"loss": "NaN", "up": "Infinity", "down": "-Infinity"}


def test_nested_values_texts_and_huge_numbers_have_their_place(door: Door) -> None:
    line = json.dumps({"a": {"b": {"c": 1}}, "t": "word", "n": None, "big": 2**80, "l": [1, 2]})
    send(door, history=(0, [line]))
    run = detail(door)
    metrics = {metric["key"]: metric["last"] for metric in run["metrics"]}
    assert metrics == {"a.b.c": 1, "big": float(2**80)}
    assert run["summary"]["t"] == "word"
    assert math.isfinite(metrics["big"])


def test_histograms_of_layers_stand_in_the_order_of_their_names(door: Door) -> None:
    """The client writes the keys of a row in an order that is chance."""
    names = ["gradients/layer10.bias", "gradients/fc.weight", "gradients/layer2.bias"]
    histogram = {"_type": "histogram", "values": [1, 2], "bins": [0, 1, 2]}
    send(door, history=(0, [json.dumps({"_step": 0, **dict.fromkeys(names, histogram)})]))
    keys = door.ask("GET", f"/api/v1/runs/{UID}/media").json()["keys"]
    assert [one["key"] for one in sorted(keys, key=lambda one: one["order"])] == [
        "gradients/fc.weight", "gradients/layer2.bias", "gradients/layer10.bias",
    ]  # fmt: skip


def test_console_lines_are_rewritten_in_place(door: Door) -> None:
    """A progress bar is one line."""
    structured = json.dumps({"ts": "2026-01-01T00:00:00.5", "content": "50 %", "level": "error"})
    send(door, output=(0, ["2026-01-01T00:00:00 start", structured]))
    send(door, output=(1, [structured.replace("50", "99"), "ERROR 2026-01-01T00:00:01 oops"]))
    assert console(door) == [("out", "start"), ("err", "99 %"), ("err", "oops")]


def test_system_metrics_are_those_of_ours(door: Door) -> None:
    line = json.dumps({"_wandb": True, "_timestamp": 1e9, "_runtime": 1, "system.cpu": 12.5})
    send(door, events=(0, [line]))
    assert [metric["key"] for metric in detail(door)["metrics"]] == ["system/cpu"]


def test_the_summary_is_the_last_that_was_sent(door: Door) -> None:
    """What the client sets, changes and removes; what follows from the history stays there."""
    send(door, history=(0, rows(0, 3)), summary=(0, ['{"loss": 2, "best": 1, "d": {"x": 1}}']))
    assert detail(door)["summary"] == {"loss": 2, "best": 1, "d.x": 1}
    send(door, summary=(0, ['{"loss": 2, "best": 0.5, "bad": NaN}']))
    assert detail(door)["summary"] == {"loss": 2, "best": 0.5, "bad": "NaN"}


def test_a_summary_that_was_defined_stands_in_place_of_the_last_value(door: Door) -> None:
    """As ``define_metric(summary="max")`` tells it; the series still ends with its last value."""
    defined = {"_wandb": {"value": {"m": [{"1": "acc", "7": [2]}]}}}
    asked = """mutation C($config: JSONString) { upsertBucket(input: {modelName: "p", name: "r",
        config: $config}) { bucket { id } } }"""
    variables = {"config": json.dumps(defined)}
    door.ask("POST", "/graphql", json_body={"query": asked, "variables": variables})
    lines = [json.dumps({"_step": n, "acc": n % 2, "loss": n}) for n in range(3)]
    told = '{"acc": {"max": 1}, "loss": 2, "loss.best": 0, "_step": 2}'
    send(door, history=(0, lines), summary=(0, [told]))
    query = """{ project(name: "p", entityName: "local") { run(name: "r") { summaryMetrics } } }"""
    answer = door.ask("POST", "/graphql", json_body={"query": query}).json()
    summary = json.loads(answer["data"]["project"]["run"]["summaryMetrics"])
    assert (summary["acc"], summary["loss"]) == ({"max": 1}, 2)
    assert "acc.max" not in summary
    assert points(door, "acc")[-1] == (2, 0)


def test_a_run_ends_with_its_exit_code_and_may_go_on(door: Door) -> None:
    for code, state in [(0, "finished"), (3, "failed"), (255, "killed")]:
        send(door, complete=True, exitcode=code)
        assert (detail(door)["state"], detail(door)["exit_code"]) == (state, code)
        send(door)
        assert detail(door)["state"] == "running"


def test_a_run_whose_client_falls_silent_has_crashed_until_it_is_heard(door: Door) -> None:
    """Clients give a sign of life every 30 seconds; after five minutes nobody hopes."""
    send(door, history=(0, rows(0, 2)))
    recorder = door.app.workers.recorder
    recorder.close_resting()
    assert detail(door)["state"] == "running"
    with recorder.hold(UID) as recording:
        recording.heard -= SILENCE_S
    recorder.close_resting()
    assert detail(door)["state"] == "crashed"
    send(door)
    assert detail(door)["state"] == "running"
    send(door, history=(2, rows(2, 2)), complete=True, exitcode=0)
    assert detail(door)["state"] == "finished"
    with recorder.hold(UID) as recording:
        recording.heard -= SILENCE_S
    recorder.close_resting()
    assert detail(door)["state"] == "finished"


def test_who_wants_a_run_to_stop_is_heard(door: Door) -> None:
    """The next answer tells the client, which interrupts its script."""
    id = begin(door, "r")["bucket"]["id"]
    assert send(door).json()["stopped"] is False
    query = f'mutation {{ stopRun(input: {{id: "{id}"}}) {{ success }} }}'
    assert door.ask("POST", "/graphql", json_body={"query": query}).status == 200
    assert send(door).json()["stopped"] is True


def test_a_deletion_may_be_sent_again_and_a_state_is_told_once(door: Door) -> None:
    """A client that got no answer asks again; a run that has failed cannot fail."""
    id = begin(door, "r")["bucket"]["id"]
    tell = f'mutation {{ updateRunState(input: {{id: "{id}", state: "failed"}}) {{ success }} }}'
    assert door.ask("POST", "/graphql", json_body={"query": tell}).status == 200
    assert detail(door)["state"] == "failed"
    answer = door.ask("POST", "/graphql", json_body={"query": tell})
    assert answer.status == 400
    assert "invalid state transition" in answer.json()["errors"][0]["message"]
    delete = f'mutation {{ deleteRun(input: {{id: "{id}"}}) {{ success }} }}'
    for _ in range(2):
        assert door.ask("POST", "/graphql", json_body={"query": delete}).status == 200


@pytest.mark.parametrize(
    ("is_told", "last_words", "code", "state"),
    [
        (False, "", 1, "failed"),
        (False, "", 0, "killed"),
        (True, "", 1, "killed"),
        (True, "KeyboardInterrupt", 1, "killed"),
        (True, "torch.OutOfMemoryError: no room", 1, "failed"),
        (True, "ValueError", 255, "killed"),
    ],
)
def test_a_run_that_was_stopped_is_killed_and_one_that_failed_by_itself_has_failed(
    door: Door, is_told: bool, last_words: str, code: int, state: str
) -> None:
    """A script in ``with`` ends with 1 when it is interrupted, as after any error."""
    id = begin(door, "r")["bucket"]["id"]
    query = f'mutation {{ stopRun(input: {{id: "{id}"}}) {{ success }} }}'
    assert door.ask("POST", "/graphql", json_body={"query": query}).status == 200
    if is_told:
        assert send(door).json()["stopped"] is True
    lines = [
        json.dumps({"ts": "2026-11-22T00:00:00.0", "content": text, "level": "error"})
        for text in ("Traceback (most recent call last):", last_words, "100 %")
    ]
    send(door, output=(0, lines), complete=True, exitcode=code)
    assert detail(door)["state"] == state


# ------------------------------------------------------------------------------------------- harm
BAD: dict[str, Any] = {
    "a negative offset": {"history": (-1, ["{}"])},
    "an offset past all": {"history": (2**60, ["{}"])},
    "a console offset past all": {"output": (2**60, ["x"])},
    "a broken line": {"history": (0, ["{}", '{"loss": '])},
    "a line that is no object": {"history": (0, ["[1]"])},
    "a broken summary": {"summary": (0, ["nope"])},
    "broken system metrics": {"events": (0, ["nope"])},
    "no list of lines": {"history": (0, "text")},
    "no lines of text": {"history": (0, [1, 2])},
    "an offset of text": {"history": ("x", [])},
    "an exit code that none has": {"complete": True, "exitcode": 2**70},
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_cannot_be_read_is_refused_whole(door: Door, name: str) -> None:
    """400 in the shape that the client prints; nothing of the request is taken."""
    given = {"output": (0, ["kept?"]), **BAD[name]}
    said = send(door, 400, **given).json()["errors"][0]["message"]
    assert len(said) > 10
    assert console(door) == []
    assert points(door) == []


def test_a_run_that_is_not_there_is_404(door: Door) -> None:
    """The client gives up at once, and says so."""
    send(door, 404, path="/files/local/p/nobody/file_stream", history=(0, rows(0, 1)))
    send(door, 404, path="/files/nobody/p/r/file_stream")


def test_a_line_of_ten_mebibytes_is_taken(door: Door) -> None:
    line = json.dumps({"loss": 1, "text": "x" * (10 * 1024 * 1024 - 200), "_step": 0})
    send(door, history=(0, [line]))
    assert points(door) == [(0, 1)]


def test_a_deeply_nested_line_harms_nobody(door: Door) -> None:
    """It is refused or folded; the server goes on."""
    deep = '{"a":' * 5_000 + "1" + "}" * 5_000
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": [deep]}}}
    assert door.ask("POST", PATH, json_body=body).status in (200, 400)
    send(door, history=(1, rows(1, 1)))


def test_packed_bodies_are_unpacked_within_bounds(door: Door) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    body = json.dumps({"files": {"wandb-history.jsonl": {"offset": 0, "content": rows(0, 2)}}})
    packed = gzip.compress(body.encode())
    assert door.ask("POST", PATH, body=packed, headers=headers).status == 200
    assert len(points(door)) == 2
    for harm in (packed[:-9], b"no gzip", gzip.compress(b" " * (80 * 1024 * 1024))):
        assert door.ask("POST", PATH, body=harm, headers=headers).status == 400


def test_two_writers_that_count_alike_lose_nothing(door: Door) -> None:
    """Two processes resumed one run: rows under taken numbers are told apart by step and time."""
    send(door, history=(0, rows(0, 5)))
    other = [line.replace('"_timestamp": 10000', '"_timestamp": 20000') for line in rows(0, 5)]
    for _ in range(2):
        send(door, history=(0, other))
        send(door, history=(3, rows(3, 5)))
    assert sorted(step for step, _ in points(door)) == sorted([*range(5), *range(8)])


def test_a_chunk_without_times_that_comes_again_is_known_by_its_content(home: Path) -> None:
    """Also in other pieces, after a restart, with NaN, and beside another one of a number."""
    lines = [json.dumps({"loss": n % 3, "_step": n, "one": n}) for n in range(30)]
    lines[5] = '{"loss": NaN, "_step": 5, "one": 5}'
    expected = [(n, n) for n in range(30)]
    with Door(home) as door:
        begin(door, "r")
        for first, end in [(0, 20), (0, 20), (3, 4), (10, 30), (0, 30)]:
            send(door, history=(first, lines[first:end]))
        assert points(door, "one") == expected
    with Door(home) as door:
        send(door, history=(0, lines))
        assert points(door, "one") == expected
        assert len(points(door)) == 30
        other = json.dumps({"loss": 7, "_step": 4, "one": 4})
        for _ in range(2):
            send(door, history=(4, [other]))
        assert [value for step, value in points(door) if step == 4] == [1, 7]
