"""``wandb.plot`` charts are drawn as charts: live, in whatever order table and config come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.names import run_uid
from epochal.domain.record import BlobRef
from epochal.errors import InvalidInput
from epochal.protocols.wandb.charts import MAX_POINTS, Chart, charts_of, draw
from tests.protocols.wandb.conftest import Script, Seen
from tests.server.door import Door
from tests.server.processes import Running

CHARTS = """
import json
import sys
import wandb
rows = [[0, 0.5, "a"], [1, 0.75, "a"], [0, 0.25, "b"]]
with wandb.init(project="charts", id=sys.argv[1]) as run:
    table = wandb.Table(columns=["x", "y", "name"], data=rows)
    run.log({
        "line": wandb.plot.line(table, "x", "y", stroke="name", title="Lines"),
        "eval/scatter": wandb.plot.scatter(table, "x", "y"),
        "bar": wandb.plot.bar(table, "name", "y", split_table=True),
        "spread": wandb.plot.histogram(table, "y"),
        "series": wandb.plot.line_series([0, 1], [[1, 2], [2, 1]], keys=["up", "down"], xname="n"),
        "confusion": wandb.plot.confusion_matrix(
            y_true=[0, 1, 1], preds=[0, 1, 0], class_names=["cat", "dog"]),
        "own": wandb.plot_table("somebody/preset/v2", table, {"x": "x"}),
    })
    probabilities = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
    run.log({
        "roc": wandb.plot.roc_curve([0, 1, 1], probabilities, labels=["cat", "dog"]),
        "pr": wandb.plot.pr_curve([0, 1, 1], probabilities, labels=["cat", "dog"]),
    })
read = wandb.Api().run(f"charts/{sys.argv[1]}")
rows = read.history(pandas=False)
value = rows[0]["line_table"]
file = read.file(value["path"])
held = {one.name: one for one in read.logged_artifacts() if one.type == "run_table"}
print(json.dumps({
    "keys": [*(sorted(row) for row in rows), sorted(read.history_keys["keys"])],
    "value": [value["_type"], value["ncols"], value["nrows"], value["size"] == file.size,
              value == dict(read.summary["line_table"])],
    "file": json.load(file.download(replace=True))["data"],
    "artifact": held[f"run-{sys.argv[1]}-roc_table:v0"].get("roc_table").columns,
}))
"""


def test_charts_are_drawn_beside_their_tables(server: Running, script: Script) -> None:
    """The client's own words for them stay: its API shows the tables only."""
    told = script(CHARTS, "live")
    history = told["keys"]
    seen = Seen(server, "charts", "live")
    kinds = {row["key"]: row["kind"] for row in seen.get("media")["keys"]}
    drawn = sorted(key for key, kind in kinds.items() if kind == "plot")
    assert drawn == ["bar", "confusion", "eval/scatter", "line", "pr", "roc", "series", "spread"]
    entries = {entry["key"]: entry for entry in seen.media(*drawn)}
    metas = {key: entry["items"][0]["meta"] for key, entry in entries.items()}
    assert {key: meta["type"] for key, meta in metas.items()} == {
        "bar": "bar", "confusion": "confusion", "eval/scatter": "scatter", "line": "line",
        "pr": "pr", "roc": "roc", "series": "line", "spread": "histogram",
    }  # fmt: skip
    assert (metas["line"]["title"], entries["line"]["step"], entries["roc"]["step"]) == (
        "Lines", 0, 1,
    )  # fmt: skip
    assert metas["line"]["spec"]["series"] == [
        {"name": "a", "x": [0.0, 1.0], "y": [0.5, 0.75]},
        {"name": "b", "x": [0.0], "y": [0.25]},
    ]
    assert metas["confusion"]["spec"] == {
        "classes": ["cat", "dog"],
        "counts": [[1.0, 0.0], [1.0, 1.0]],
    }
    assert [series["auc"] for series in metas["roc"]["spec"]["series"]] == [1.0, 1.0]
    assert {"line", "roc"} & {key for row in history for key in row} == set()
    assert {"line_table", "Custom Chart Tables/bar_table", "own_table"} <= set(history[0])
    assert told["value"] == ["table-file", 3, 3, True, True]
    assert told["file"] == [[0, 0.5, "a"], [1, 0.75, "a"], [0, 0.25, "b"]]
    assert told["artifact"] == ["class", "fpr", "tpr"]


def chart(preset: str = "wandb/line/v0", **fields: Any) -> Chart:
    settings = {"panelDefId": preset, "fieldSettings": fields, "stringSettings": {"title": "T"}}
    found = charts_of({"visualize": {"k": {"panel_type": "Vega2", "panel_config": settings}}})
    return found["k_table"]


def no_put(data: bytes, type: str) -> BlobRef:
    return BlobRef("0" * 64, len(data), type)


def test_a_long_table_is_thinned_and_kept_as_a_blob() -> None:
    table = {"columns": ["x", "y"], "data": [[n, n / 7] for n in range(50_000)]}
    stored: list[bytes] = []

    def put(data: bytes, type: str) -> BlobRef:
        stored.append(data)
        return no_put(data, type)

    item = draw(chart(x="x", y="y"), table, put)
    assert "spec" not in item.meta
    (series,) = json.loads(stored[0])["series"]
    assert (len(series["x"]), series["x"][0], series["x"][-1]) == (MAX_POINTS, 0, 49_999)


@pytest.mark.parametrize(
    ("name", "drawn", "table"),
    [
        ("no table", chart(x="x", y="y"), []),
        ("no such column", chart(x="x", y="z"), {"columns": ["x", "y"], "data": []}),
        ("a text for a number", chart(x="x", y="y"), {"columns": ["x", "y"], "data": [[1, "a"]]}),
        ("a column not named", chart(x="x"), {"columns": ["x"], "data": [[1]]}),
        ("too many lines", chart(x="x", y="x", stroke="s"),
         {"columns": ["x", "s"], "data": [[1, n] for n in range(101)]}),
        ("too many bars", chart("wandb/bar/v0", label="x", value="x"),
         {"columns": ["x"], "data": [[n] for n in range(1001)]}),
        ("nothing finite", chart("wandb/histogram/v0", value="x"),
         {"columns": ["x"], "data": [[None]]}),
        ("too many classes",
         chart("wandb/confusion_matrix/v1", Actual="x", Predicted="x", nPredictions="x"),
         {"columns": ["x"], "data": [[n] for n in range(201)]}),
        ("too wide for bins", chart("wandb/histogram/v0", value="x"),
         {"columns": ["x"], "data": [[1e308], [-1e308]]}),
        ("an area that no float holds",
         Chart("k", "wandb/area-under-curve", {"x": "fpr", "y": "y", "class": "c"}, {}),
         {"columns": ["fpr", "y", "c"], "data": [[1e308, 1e308, "a"], [-1e308, 1e308, "a"]]}),
        ("a sum that no float holds",
         chart("wandb/confusion_matrix/v1", Actual="a", Predicted="a", nPredictions="x"),
         {"columns": ["a", "x"], "data": [["a", 1e308], ["a", 1e308]]}),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_says_why(name: str, drawn: Chart, table: object) -> None:
    with pytest.raises(InvalidInput):
        draw(drawn, table, no_put)


@pytest.mark.parametrize(
    "said",
    [
        None, 1, [], {"k": 1}, {"k": {"panel_config": 1}},
        {"k": {"panel_config": {"panelDefId": "wandb/line/v0"}}},
        {"k": {"panel_config": {"panelDefId": 5, "fieldSettings": {}}}},
    ],
)  # fmt: skip
def test_what_is_no_chart_is_none(said: object) -> None:
    assert charts_of({"visualize": said}) == {}


# ------------------------------------------------------------------------------- order of arrival
UID = run_uid("local", "p", "r")
UPSERT = """mutation U($config: JSONString) { upsertBucket(input: {modelName: "p", name: "r",
  config: $config}) { inserted } }"""


@pytest.fixture
def door(home: Path) -> Iterator[Door]:
    with Door(home) as opened:
        yield opened


def configure(door: Door, **charts: str) -> None:
    said = {
        key: {"panel_config": {"panelDefId": preset, "fieldSettings": {"x": "x", "y": "y"}}}
        for key, preset in charts.items()
    }
    config = json.dumps({"_wandb": {"value": {"visualize": said}}})
    body = {"query": UPSERT, "variables": {"config": config}}
    assert door.ask("POST", "/graphql", json_body=body).status == 200


def log_table(door: Door, key: str, data: object) -> None:
    path = f"media/table/{key}.json"
    value = {"_type": "table-file", "path": path}
    line = json.dumps({"_step": 3, f"{key}_table": value})
    create = """mutation F { createRunFiles(entityName: "local", projectName: "p", runName: "r",
      files: ["%s"]) { files { uploadUrl } } }"""
    answer = door.ask("POST", "/graphql", json_body={"query": create % path}).json()
    (file,) = answer["data"]["createRunFiles"]["files"]
    url = file["uploadUrl"]
    body = json.dumps(data).encode()
    assert door.ask("PUT", url[url.index("/", 8) :], body=body).status == 200
    door.ask(
        "POST", "/files/local/p/r/file_stream",
        json_body={"files": {"wandb-history.jsonl": {"offset": 0, "content": [line]}}},
    )  # fmt: skip


def kinds(door: Door) -> dict[str, str]:
    found = door.ask("GET", f"/api/v1/runs/{UID}/media").json()["keys"]
    return {row["key"]: row["kind"] for row in found}


def test_a_config_that_comes_after_the_table_draws_it_even_past_a_restart(home: Path) -> None:
    table = {"columns": ["x", "y"], "data": [[1, 2], [3, 4]]}
    with Door(home) as door:
        configure(door)
        log_table(door, "curve", table)
        assert kinds(door) == {"curve_table": "table"}
    with Door(home) as door:
        configure(door, curve="wandb/line/v0")
        assert kinds(door) == {"curve": "plot", "curve_table": "table"}
        configure(door, curve="wandb/line/v0", other="wandb/line/v0")
        assert kinds(door) == {"curve": "plot", "curve_table": "table"}


def test_a_table_that_cannot_be_drawn_stays_a_table_with_a_notice(door: Door) -> None:
    configure(door, curve="wandb/line/v0")
    log_table(door, "curve", {"columns": ["x", "y"], "data": [["a", "b"]]})
    assert kinds(door) == {"curve_table": "table"}
    detail = door.ask("GET", f"/api/v1/runs/{UID}").json()
    assert "shown as a table only" in json.dumps(detail)
