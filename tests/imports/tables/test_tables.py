"""Tables become runs: every cell once, steps and times where the columns say so."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from epochal.api import connect
from epochal.errors import EpochalError, NotFound
from epochal.imports.outcome import Outcome
from epochal.imports.tables import Axes, Importer
from epochal.imports.values import read_cell, read_time
from tests.cli.conftest import run_cli


def bring(home: Path, place: Path, kind: str = "csv", axes: Axes | None = None) -> Outcome:
    with Importer(home, place, kind, "tables", axes) as importer:
        importer.carry()
        return importer.outcome


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A file with steps, times, numbers, gaps and words."""
    path = tmp_path / "log.csv"
    path.write_text(
        "step,time,loss,acc,flag,note\n"
        "0,1700000000,1.5,,true,first\n"
        "5,1700000001.5,nan,3,false,\n"
        "5,2023-11-14T22:13:23Z,-inf,4,,last\n"
    )
    return path


def test_a_file_is_a_run(home: Path, table: Path) -> None:
    """Empty cells are absent, words are texts, whole numbers stay whole."""
    assert bring(home, table).problems == []
    (run,) = connect(home=home).runs("tables")
    assert run.name == "log.csv"
    loss = run.series("loss")
    assert loss.step.tolist() == [0, 5, 5]
    assert loss.value[0] == 1.5
    assert math.isnan(loss.value[1])
    assert loss.value[2] == -math.inf
    seconds = [1_700_000_000, 1_700_000_001.5, 1_700_000_003]
    assert loss.time.tolist() == [int(second * 1_000_000) for second in seconds]
    assert run.series("acc").value.tolist() == [3, 4]
    assert run.series("acc").value.dtype.kind == "i"
    assert run.summary["note"] == "last"


def test_rows_that_come_later_are_added(home: Path, table: Path) -> None:
    """A last line without its end waits until it has one."""
    bring(home, table)
    with table.open("a") as file:
        file.write("6,1700000009,0.25,1,true,more\n7,17000")
    assert bring(home, table).counts["points"] == 3
    (run,) = connect(home=home).runs("tables")
    assert run.series("loss").step.tolist() == [0, 5, 5, 6]
    with table.open("a") as file:
        file.write("00010,0.125,1,true,more\n")
    bring(home, table)
    assert run.series("loss").step.tolist() == [0, 5, 5, 6, 7]


def test_a_column_that_appears_hides_nothing(home: Path, table: Path) -> None:
    """Lightning writes its file anew when a metric is new."""
    bring(home, table)
    lines = table.read_text().splitlines()
    ends = ["extra", "", "", "1"]
    table.write_text("".join(f"{a},{b}\n" for a, b in zip(lines, ends, strict=True)))
    bring(home, table)
    (run,) = connect(home=home).runs("tables")
    assert run.series("loss").step.tolist() == [0, 5, 5]
    assert run.series("extra").step.tolist() == [5]


def test_a_column_of_runs_makes_a_run_of_each_name(home: Path, tmp_path: Path) -> None:
    """However their rows are mixed; quoted line ends do not confuse the places of rows."""
    path = tmp_path / "all.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "step", "loss", "note"])
        for step in range(30):
            writer.writerow([f"run {step % 3}", step // 3, step, "two\nlines" if step else ""])
    bring(home, path)
    runs = {run.name: run for run in connect(home=home).runs("tables")}
    assert sorted(runs) == ["run 0", "run 1", "run 2"]
    for number in range(3):
        loss = runs[f"run {number}"].series("loss")
        assert loss.step.tolist() == list(range(10))
        assert loss.value.tolist() == list(range(number, 30, 3))
    assert runs["run 1"].summary["note"] == "two\nlines"


def test_columns_may_be_named(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.tsv"
    path.write_text("batch\tat\twho\tloss\n3\t1700000000\ta\t1\n4\t1700000001\tb\t2\n")
    bring(home, path, axes=Axes("batch", "at", "who"))
    steps = {
        run.name: run.series("loss").step.tolist() for run in connect(home=home).runs("tables")
    }
    assert steps == {"a": [3], "b": [4]}


def test_json_lines_are_read_as_they_nest(home: Path, tmp_path: Path) -> None:
    """A line that is none is told and left out."""
    path = tmp_path / "log.jsonl"
    rows = [{"step": 2 * i, "train": {"loss": i, "bad": "NaN"}, "tags": ["a"]} for i in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "oops\n[1]\n")
    outcome = bring(home, path, "jsonl")
    assert len(outcome.problems) == 2
    (run,) = connect(home=home).runs("tables")
    assert run.series("train.loss").step.tolist() == [0, 2, 4, 6]
    assert all(math.isnan(value) for value in run.series("train.bad").value)
    assert run.summary["tags"] == ["a"]


@pytest.mark.parametrize(
    ("format", "long"), [("csv", False), ("jsonl", True)], ids=["wide csv", "long jsonl"]
)
def test_what_was_exported_comes_back(
    home: Path, shared: Path, tmp_path: Path, format: str, long: bool
) -> None:
    """To the same bits."""
    path = tmp_path / f"points.{format}"
    flags = ["--long"] if long else []
    done = run_cli("export", "mnist", "--output", str(path), *flags, home=shared)
    assert done.returncode == 0, done.stderr
    done = run_cli("import", format, str(path), "--project", "back", home=home)
    assert done.returncode == 0, done.stderr
    for run in connect(home=home).runs("back"):
        old = connect(home=shared).run(run.name, "mnist")
        view: Any = "all" if long else "last"
        for key in run.metrics:
            points, before = run.series(key), old.series(key, view)
            assert points.step.tolist() == before.step.tolist()
            pairs = zip(points.value.tolist(), before.value.tolist(), strict=True)
            assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


def test_lightnings_directories_are_runs_with_their_config(home: Path, tmp_path: Path) -> None:
    """Of the real CSVLogger; epochs stay a series, Python objects in YAML run no code."""
    from lightning.fabric.loggers.csv_logs import CSVLogger

    for version in range(2):
        logger = CSVLogger(tmp_path, name="lightning_logs", version=version)
        for step in range(3):
            logger.log_metrics({"loss": step / 2, "epoch": 0.0}, step=step)
            logger.save()
        logger.log_metrics({"val": 1.0}, step=3)
        logger.save()
        folder = Path(logger.log_dir)
        (folder / "hparams.yaml").write_text(
            "lr: 0.1\nopt: !!python/object:os.Wrong {beta: [1, 2]}\n"
            "act: !!python/name:torch.nn.ReLU ''\n"
        )
    with Importer(home, tmp_path / "lightning_logs", "csv") as importer:
        importer.carry()
        assert importer.outcome.problems == []
    runs = {run.name: run for run in connect(home=home).runs(tmp_path.name)}
    assert sorted(runs) == ["version_0", "version_1"]
    run = runs["version_1"]
    assert run.config == {"lr": 0.1, "opt": {"beta": [1, 2]}, "act": ""}
    assert run.series("loss").step.tolist() == [0, 1, 2]
    assert run.series("epoch").value.tolist() == [0, 0, 0]
    assert run.series("val").step.tolist() == [3]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n1,2\n", "is empty"),
        (b"a,b,a\n1,2,3\n", "two columns 'a'"),
        (b"a\0b\n", "is no text"),
    ],
    ids=["nothing", "no names", "a name twice", "bytes"],
)
def test_what_is_no_table_is_told(home: Path, tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(data)
    outcome = bring(home, path)
    assert words in outcome.problems[0]
    assert outcome.runs == []


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda path: path / "missing.csv", NotFound, "no file or directory"),
        (lambda path: path, NotFound, r"no file \*.csv"),
    ],
    ids=["nothing", "an empty directory"],
)
def test_a_missing_table_is_refused(
    home: Path, tmp_path: Path, make, error: type[EpochalError], words: str
) -> None:
    with pytest.raises(error, match=words):
        Importer(home, make(tmp_path), "csv")


def test_a_named_column_must_be_there(home: Path, table: Path) -> None:
    outcome = bring(home, table, axes=Axes(step="iteration"))
    assert "no column 'iteration' for --step; its columns are step, time" in outcome.problems[0]


def test_a_line_without_end_is_not_read_for_ever(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes before it is kept, and it is told."""
    monkeypatch.setattr("epochal.imports.tables.reading.LONGEST", 1000)
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1}\n' + '{"a": "' + "x" * 5000 + '"}\n')
    outcome = bring(home, path, "jsonl")
    assert "a line of more than 1,000 bytes" in outcome.problems[0]
    assert outcome.counts["points"] == 1


def test_a_row_that_is_too_long_is_told_and_left_out(home: Path, table: Path) -> None:
    with table.open("a") as file:
        file.write("1,2,3,4,5,6,7,8\n9,1700000009,1,1,true,x\n")
    assert "a row of 8 cells" in bring(home, table).problems[0]
    (run,) = connect(home=home).runs("tables")
    assert run.series("loss").step.tolist() == [0, 5, 5, 9]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("csv", 'step,note,a\n0,"two\nlines",1\nsoon,x,2\n7,y,3\n,z,4\n'),
        (
            "jsonl",
            '{"step": "0", "a": 1}\n\n{"a": 4}\n{"step": "soon", "a": 2}\n{"step": 7, "a": 3}\n',
        ),
    ],
    ids=["csv", "jsonl"],
)
def test_a_row_whose_step_is_none_is_told_with_its_line(
    home: Path, tmp_path: Path, kind: str, text: str
) -> None:
    """It is left out: a counted step would be made up. A row without one is counted."""
    path = tmp_path / f"log.{kind}"
    path.write_text(text)
    (told,) = bring(home, path, kind).problems
    assert told.startswith(f"{path} line 4: step 'soon' is no whole number")
    assert "mend it and import again" in told
    (run,) = connect(home=home).runs("tables")
    points = run.series("a")
    pairs = zip(points.step.tolist(), points.value.tolist(), strict=True)
    assert sorted(pairs) == (
        [(0, 1), (3, 4), (7, 3)] if kind == "csv" else [(0, 1), (1, 4), (7, 3)]
    )
    path.write_text(text.replace("soon", "5"))
    assert bring(home, path, kind).problems == []
    (run,) = connect(home=home).runs("tables")
    assert run.series("a").step.tolist().count(5) == 1


def test_a_column_of_parts_of_epochs_is_a_series_and_rows_are_counted(
    home: Path, tmp_path: Path
) -> None:
    """Unless it is named as that of steps: then its rows are told one by one."""
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n1.0,3\n1.5,2\n2.0,1\n")
    outcome = bring(home, path)
    assert outcome.problems == []
    (told,) = outcome.left_sentences()
    assert "1.5 in line 3 is no whole number, so rows are counted" in told
    (run,) = connect(home=home).runs("tables")
    assert run.series("loss").step.tolist() == [0, 1, 2]
    assert run.series("epoch").value.tolist() == [1.0, 1.5, 2.0]
    named = bring(home, path, axes=Axes(step="epoch"))
    assert "line 3: epoch 1.5" in named.problems[0]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_integers_past_64_bits_leave_their_series_whole(
    home: Path, tmp_path: Path, kind: str
) -> None:
    """They are kept as texts with all digits, and told."""
    whole, huge = [2**53 + 1, 2**63 - 1, 5], [2**64, -(10**30), 10**400]
    path = tmp_path / f"log.{kind}"
    pairs = list(zip(whole, huge, strict=True))
    both = [number for pair in pairs for number in pair]
    lines = ["n", *map(str, both)] if kind == "csv" else [json.dumps({"n": one}) for one in both]
    path.write_text("".join(f"{line}\n" for line in lines))
    outcome = bring(home, path, kind)
    (told,) = outcome.left_sentences()
    assert "integers past 64 bits in the series 'n'" in told
    assert "(3 times)" in told
    (run,) = connect(home=home).runs("tables")
    points = run.series("n")
    assert points.step.tolist() == [0, 2, 4]
    assert points.value.tolist() == whole
    assert points.value.dtype.kind == "i"
    assert outcome.counts["texts"] == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), (" 2.5 ", 2.5), ("1e3", 1000.0), ("", None), ("True", True), ("x", "x"),
     (str(2**64), 2**64), ("inf", math.inf), ("1e999", "1e999")],
)  # fmt: skip
def test_a_cell_is_what_it_reads_like(text: str, value: object) -> None:
    assert read_cell(text) == value


@pytest.mark.parametrize(
    "value", [1_700_000_000, 1_700_000_000_000, 1_700_000_000_000_000, 1_700_000_000 * 10**9,
              "2023-11-14T22:13:20", "2023-11-14T23:13:20+01:00"],
)  # fmt: skip
def test_a_time_is_known_by_its_size_or_form(value: object) -> None:
    assert read_time(value) == 1_700_000_000_000_000


@pytest.mark.parametrize("value", [True, 12.5, "soon", None, math.nan, math.inf, 10**400])
def test_what_is_no_time_is_none(value: object) -> None:
    assert read_time(value) is None
