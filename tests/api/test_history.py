from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from epochal.api import Reader, frames
from epochal.api.history import History
from epochal.errors import InvalidInput, MissingExtra, NotFound
from tests.api.recorded import BIG, NAN_BITS, ROWS, bits


def test_a_history_is_exact_by_default(reader: Reader) -> None:
    """Every step of every series, system metrics left out."""
    history = reader.run("mnist/alpha").history()
    assert sorted(history.keys) == ["count", "loss", "sparse", "val/acc"]
    assert history.steps.tolist() == list(range(ROWS))
    assert history["loss"].tolist() == [1 / (step + 1) for step in range(ROWS)]
    assert len(history) == ROWS
    assert history.present("sparse").sum() == ROWS // 10


def test_patterns_choose_series_and_their_order(reader: Reader) -> None:
    """Names win over patterns, and nothing comes twice."""
    run = reader.run("mnist/alpha")
    assert run.history(["val/*", "loss", "l*"]).keys == ["val/acc", "loss"]
    assert run.history("loss").keys == ["loss"]
    with pytest.raises(NotFound, match=r"no series 'nothing'; its series are count, loss"):
        run.history(["nothing"])


def test_rows_name_only_what_they_have(reader: Reader) -> None:
    """A gap is no NaN."""
    rows = list(reader.run("mnist/alpha").history(["loss", "sparse"]).rows())
    assert list(rows[0]) == ["step", "time", "loss", "sparse"]
    assert list(rows[1]) == ["step", "time", "loss"]
    assert bits(rows[30]["sparse"]) == NAN_BITS


def test_buckets_hide_no_spike_and_no_nan(reader: Reader) -> None:
    """Min, max and counts over few buckets are those of all points."""
    run = reader.run("mnist/alpha")
    buckets = run.history(["loss", "sparse"], samples=7)
    exact = run.history(["loss", "sparse"])
    assert len(buckets) <= 7
    assert buckets["loss.n"].sum() == ROWS
    assert np.nanmax(buckets["loss.max"]) == np.float32(exact["loss"].max())
    assert np.nanmin(buckets["loss.min"]) == np.float32(exact["loss"].min())
    assert buckets["sparse.n_nan"].sum() == 1
    assert buckets["sparse.n_posinf"].sum() == 1
    assert np.all(np.diff(buckets.steps) > 0)
    with pytest.raises(InvalidInput, match="no single time"):
        _ = buckets.times


@pytest.mark.parametrize("samples", [0, -1, 8193, 1.5, True, "7"])
def test_samples_must_be_a_sensible_number(reader: Reader, samples: int) -> None:
    """One sentence says what is expected."""
    with pytest.raises(InvalidInput, match="samples must be an integer from 1 to 8192"):
        reader.run("mnist/alpha").history(samples=samples)


def test_an_unknown_column_names_the_known_ones(reader: Reader) -> None:
    """The KeyError teaches."""
    with pytest.raises(KeyError, match="there is loss"):
        reader.run("mnist/alpha").history("loss")["acc"]


def test_pandas_gets_times_with_a_zone_and_nan_in_gaps(reader: Reader) -> None:
    """Columns step, time, then the series."""
    frame = reader.run("mnist/alpha").history(["loss", "sparse"]).to_pandas()
    assert list(frame.columns) == ["step", "time", "loss", "sparse"]
    assert str(frame["time"].dtype) == "datetime64[us, UTC]"
    assert frame["sparse"].isna().sum() == ROWS - ROWS // 10 + 1
    assert frame["time"][0] >= pd.Timestamp(reader.run("mnist/alpha").created)


def test_arrow_and_polars_tell_a_gap_from_a_nan(reader: Reader) -> None:
    """Null where nothing was logged, NaN where NaN was."""
    history = reader.run("mnist/alpha").history(["count", "sparse"])
    table = history.to_arrow()
    assert table["sparse"].null_count == 0
    wide = reader.run("mnist/alpha").history(["loss", "count", "sparse"])
    table = wide.to_arrow()
    assert table.schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert table["sparse"].null_count == ROWS - ROWS // 10
    assert bits(table["sparse"][30].as_py()) == NAN_BITS
    assert table["count"].type == pa.int64()
    assert table["count"][10].as_py() == BIG + 10
    frame = wide.to_polars()
    assert frame["sparse"].null_count() == ROWS - ROWS // 10
    assert math.isnan(frame["sparse"][30])
    assert frame["count"][10] == BIG + 10


def test_a_missing_extra_is_named(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ImportError without advice."""
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtra, match=r"pip install 'epochal\[polars\]'"):
        reader.run("mnist/alpha").history("loss").to_polars()


def test_reading_loads_no_data_frame_library_unasked() -> None:
    """frames.py is the one place that imports them, and only in functions."""
    assert {"pandas", "pyarrow", "polars"}.isdisjoint(vars(frames))


def test_a_series_called_like_the_axis_is_kept() -> None:
    """It gets an underscore in tables, where ``step`` and ``time`` are taken."""
    axis = {"step": frames.Column(np.arange(2))}
    table = History(axis, {"step": frames.Column(np.array([5.0, 6.0]))}).table()
    assert list(table) == ["step", "step_"]
    assert table["step_"].values.tolist() == [5.0, 6.0]
