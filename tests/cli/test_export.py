from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epochal import api
from tests.api.recorded import BIG, NAN_BITS, ROWS, bits
from tests.cli.conftest import run_cli

Rows = list[dict[str, object]]


def exported(home: Path, directory: Path, target: str, name: str, *options: str) -> Path:
    path = directory / name
    done = run_cli("export", target, "-o", str(path), *options, home=home)
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout
    return path


def number(value: object) -> float:
    """A JSON or CSV cell as the float that it stands for."""
    return float(value)  # type: ignore[arg-type]


def test_parquet_keeps_every_bit(shared: Path, tmp_path: Path) -> None:
    """Types, nulls, NaN with its payload, and integers past 53 bits."""
    path = exported(shared, tmp_path, "mnist", "all.parquet")
    table = pq.read_table(path)
    assert table.column_names == [
        "run",
        "step",
        "time",
        "count",
        "loss",
        "only/beta",
        "sparse",
        "val/acc",
    ]
    assert table.schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("count").type == pa.int64()
    rows = [row for row in table.to_pylist() if row["run"] == "alpha"]
    assert len(rows) == ROWS
    assert bits(rows[30]["sparse"]) == NAN_BITS
    assert bits(rows[10]["sparse"]) == bits(-0.0)
    assert rows[20]["sparse"] == math.inf
    assert rows[11]["sparse"] is None
    assert rows[10]["count"] == BIG + 10
    assert [row["loss"] for row in rows] == [1 / (step + 1) for step in range(ROWS)]
    assert len(table) == ROWS + 4 + 1


def test_parquet_uses_the_encodings_that_fit(shared: Path, tmp_path: Path) -> None:
    """Deltas for steps and times, split bytes for floats."""
    path = exported(shared, tmp_path, "mnist/alpha", "one.parquet")
    group = pq.ParquetFile(path).metadata.row_group(0)
    used = {
        group.column(index).path_in_schema: group.column(index).encodings
        for index in range(group.num_columns)
    }
    assert "DELTA_BINARY_PACKED" in used["step"]
    assert "DELTA_BINARY_PACKED" in used["time"]
    assert "DELTA_BINARY_PACKED" in used["count"]
    assert "BYTE_STREAM_SPLIT" in used["loss"]
    assert group.column(0).compression == "ZSTD"


@pytest.mark.parametrize("options", [(), ("--long",)])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_format_holds_what_the_api_reads(
    shared: Path, tmp_path: Path, suffix: str, options: tuple[str, ...]
) -> None:
    """Value for value and bit for bit, NaN's payload aside where the format is text."""
    path = exported(shared, tmp_path, "mnist/beta", f"beta.{suffix}", *options)
    rows = read_rows(path)
    run = api.run("mnist/beta", home=shared)
    if options:
        points = run.series("loss")
        mine = [row for row in rows if row["key"] == "loss"]
        assert [int(number(row["step"])) for row in mine] == points.step.tolist()
        assert [number(row["value"]) for row in mine] == points.value.tolist()
        assert len(rows) == 12
    else:
        history = run.history()
        assert [int(number(row["step"])) for row in rows] == history.steps.tolist()
        for key in history.keys:
            assert [number(row[key]) for row in rows] == history[key].tolist()


def read_rows(path: Path) -> Rows:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    found: Rows = pq.read_table(path).to_pylist()
    return found


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_text_formats_keep_what_is_not_finite(shared: Path, tmp_path: Path, suffix: str) -> None:
    """NaN, infinity, the negative zero; and absent values stay absent."""
    rows = read_rows(exported(shared, tmp_path, "mnist/alpha", f"a.{suffix}"))
    assert bits(number(rows[10]["sparse"])) == bits(-0.0)
    assert number(rows[20]["sparse"]) == math.inf
    assert math.isnan(number(rows[30]["sparse"]))
    assert int(str(rows[40]["count"])) == BIG + 40
    assert not rows[41].get("sparse")
    assert str(rows[0]["time"]).endswith("Z")
    assert [number(row["loss"]) for row in rows] == [1 / (step + 1) for step in range(ROWS)]


def test_only_the_series_asked_for_are_written(shared: Path, tmp_path: Path) -> None:
    """Patterns, and a condition on the runs of a project."""
    path = exported(
        shared, tmp_path, "mnist", "x.csv", "-k", "l*", "-w", "config.lr < 0.05", "--json"
    )
    rows = read_rows(path)
    assert list(rows[0]) == ["run", "step", "time", "loss"]
    assert {row["run"] for row in rows} == {"beta", "gamma"}


@pytest.mark.parametrize("suffix", ["csv", "html", "tensorboard"])
def test_missing_directories_above_the_output_are_made(
    shared: Path, tmp_path: Path, suffix: str
) -> None:
    path = exported(shared, tmp_path / "a" / "b", "mnist/alpha", "c", "--format", suffix)
    assert path.exists()
    assert os.listdir(tmp_path / "a" / "b") == ["c"]
    under = tmp_path / "file"
    under.touch()
    done = run_cli("export", "mnist/alpha", "-o", str(under / "c"), "-f", suffix, home=shared)
    assert done.returncode != 0
    assert "name another" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_existing_file_is_kept_unless_forced(shared: Path, tmp_path: Path) -> None:
    """Exit code 5, and the file is untouched."""
    path = tmp_path / "there.csv"
    path.write_text("mine")
    done = run_cli("export", "mnist", "-o", str(path), home=shared)
    assert (done.returncode, path.read_text()) == (5, "mine")
    assert "--force" in done.stderr
    forced = run_cli("export", "mnist", "-o", str(path), "--force", home=shared)
    assert forced.returncode == 0
    assert path.read_text().startswith("run,step,time")


def test_a_failed_export_leaves_nothing_behind(shared: Path, tmp_path: Path) -> None:
    """Neither the file nor a temporary one."""
    tmp_path.chmod(0o500)
    try:
        done = run_cli("export", "mnist", "-o", str(tmp_path / "x.csv"), home=shared)
        if os.getuid() != 0:
            assert done.returncode == 2
            assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.chmod(0o700)
    run_cli("export", "nobody", "-o", str(tmp_path / "y.csv"), home=shared)
    assert not (tmp_path / "y.csv").exists()


def test_the_default_name_is_never_a_path(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project's slash does not become a directory."""
    monkeypatch.chdir(tmp_path)
    done = run_cli("export", "other/name", "-f", "csv", home=shared)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["other-name.csv"]
