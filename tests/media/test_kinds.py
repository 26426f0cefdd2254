"""Sound, video, histograms, texts, points, figures and tables: what they keep and refuse."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch

from epochal.domain.encode import unpack_array
from epochal.domain.table import decode_table
from epochal.errors import InvalidInput
from epochal.media import (
    Audio,
    Histogram,
    Html,
    Image,
    Markdown,
    Object3D,
    Plotly,
    Table,
    Text,
    Video,
)
from epochal.media.draft import Draft


def only(value: Any) -> Draft:
    (draft,) = value.__epochal_media__()
    return draft


def raw(draft: Draft) -> bytes:
    return b"".join(draft.parts["data"].chunks)


# ------------------------------------------------------------------------------- sound and video
@pytest.mark.parametrize(
    "value",
    [np.sin(np.arange(800) / 9), torch.rand(1, 800) - 0.5, np.zeros((800, 1), np.int16)],
)
def test_sound_is_16_bit_with_rate_and_duration(value: Any) -> None:
    draft = only(Audio(value, sample_rate=8000, caption="a tone"))
    assert draft.meta == {
        "caption": "a tone", "sample_rate": 8000, "duration": 0.1, "channels": 1,
    }  # fmt: skip
    assert unpack_array(raw(draft))[:2] == ((800, 1), 2)


def test_loud_and_broken_sound_is_cut_not_wrapped() -> None:
    _, _, items = unpack_array(raw(only(Audio(np.array([2.0, -2.0, np.nan]), 8000))))
    assert np.frombuffer(items, np.int16).tolist() == [32767, -32767, 0]


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(6, 3, 10, 12),
        np.zeros((6, 10, 12, 3), np.uint8),
        np.zeros((6, 1, 10, 12), np.float32),
    ],
)
def test_a_video_has_its_frames_whatever_the_order_of_axes(value: Any) -> None:
    draft = only(Video(value, fps=8))
    assert draft.meta == {"width": 12, "height": 10, "frames": 6, "fps": 8}
    assert unpack_array(raw(draft))[0][:3] == (6, 10, 12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Audio(np.zeros(8)),
        lambda: Audio(np.zeros((3, 4, 5)), 8000),
        lambda: Audio(np.zeros(0), 8000),
        lambda: Audio(np.zeros(4, np.int64), 8000),
        lambda: Audio("missing.wav"),
        lambda: Video(np.zeros((4, 5))),
        lambda: Video(np.zeros((2, 9, 9, 9))),
        lambda: Video(7),
        lambda: Video(np.zeros((2, 3, 4, 4)), fps=0),
        Histogram,
        lambda: Histogram(["a"]),
        lambda: Histogram([1], num_bins=1000),
        lambda: Histogram(np_histogram=([1, 2], [0, 1])),
        lambda: Histogram(np_histogram=([1], [1, 0])),
        lambda: Object3D(np.zeros((4, 5))),
        lambda: Object3D("a.txt"),
        lambda: Object3D(None),
        lambda: Html(7),
        lambda: Html("missing.html"),
        lambda: Plotly(7),
        lambda: Plotly({"layout": {}}),
    ],
)
def test_what_cannot_be_shown_is_refused(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()


# ------------------------------------------------------------------------------------- histograms
@pytest.mark.parametrize(
    "value", [[1, 2, 2, 3], np.array([[1, 2], [2, 3]]), torch.tensor([1.0, 2, 2, 3])]
)
def test_a_histogram_counts_all_numbers(value: Any) -> None:
    meta = only(Histogram(value, num_bins=4)).meta
    assert sum(meta["counts"]) == 4
    assert len(meta["edges"]) == 5
    assert (meta["stats"]["min"], meta["stats"]["max"], meta["stats"]["n"]) == (1, 3, 4)


def test_nan_and_infinity_are_counted_beside_the_bins() -> None:
    stats = only(Histogram(np.array([0.0, 1.0, np.nan, np.inf, -np.inf]))).meta["stats"]
    assert (stats["n"], stats["nan"], stats["inf"], stats["zeros"]) == (5, 1, 2, 1)
    nothing = only(Histogram([float("nan")])).meta
    assert (nothing["counts"], nothing["stats"]["nan"]) == ([0], 1)


def test_counts_and_edges_of_numpy_are_taken_as_they_are() -> None:
    histogram = Histogram(np_histogram=np.histogram([1, 1, 5], bins=3))
    assert (histogram.histogram, len(histogram.bins)) == ([2, 0, 1], 4)


# ----------------------------------------------------------------------------------- texts, points
def test_short_texts_lie_in_the_record_and_long_ones_in_a_blob() -> None:
    assert only(Text("hello", caption="c")).meta == {"caption": "c", "text": "hello"}
    long = only(Markdown("# x\n" * 5000))
    assert (long.kind, "text" in long.meta) == ("markdown", False)
    assert long.parts["data"].encoding == "copy.md"


def test_html_is_a_blob_however_short_it_is(tmp_path: Path) -> None:
    """So that every page is shown in the same frame, with the same rights."""
    page = tmp_path / "a.html"
    page.write_text("<b>x</b>")
    for value in (page, str(page), "<b>x</b>", io.StringIO("<b>x</b>")):
        draft = only(Html(value))
        assert "text" not in draft.meta
        assert raw(draft) == b"<b>x</b>"


def test_points_are_32_bit_floats_with_their_boxes() -> None:
    points = np.arange(12.0).reshape(2, 6)
    boxes = [{"corners": np.zeros((8, 3)), "label": "car", "color": [1, 2, 3]}]
    draft = only(Object3D({"type": "lidar/beta", "points": points, "boxes": boxes}))
    assert (draft.meta["format"], draft.meta["points"], draft.meta["columns"]) == ("f32", 2, 6)
    assert draft.meta["boxes"][0]["label"] == "car"
    assert np.frombuffer(raw(draft), "<f4").tolist() == list(range(12))


# ---------------------------------------------------------------------------------------- figures
def test_figures_of_matplotlib_are_images() -> None:
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    for value in (figure, axes, plt):
        draft = only(Image(value))
        assert raw(draft).startswith(b"\x89PNG")
    plt.close("all")
    with pytest.raises(InvalidInput, match="no figure"):
        Image(plt)


def test_figures_of_plotly_are_their_specification() -> None:
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, float("nan")]), layout={"title": "T"})
    meta = only(Plotly(figure)).meta
    assert (meta["type"], meta["title"]) == ("plotly", "T")
    assert meta["spec"]["data"][0]["type"] == "scatter"
    big = only(Plotly(go.Figure(go.Scatter(y=[i / 7 for i in range(5000)], mode="lines"))))
    assert "spec" not in big.meta
    assert json.loads(raw(big))["data"]


# ----------------------------------------------------------------------------------------- tables
def test_a_table_keeps_types_rows_and_media() -> None:
    table = Table(columns=["image", "label", "score"])
    table.add_data(Image(np.zeros((4, 5))), "cat", np.float32(0.5))
    table.add_data(None, "dog", float("nan"))
    table.add_column("ok", [True, False])
    draft = only(table)
    assert draft.meta["types"] == ["image", "text", "number", "boolean"]
    head, rows = decode_table(raw(draft))
    assert head.rows == 2
    assert rows[0][0] == {"kind": "image", "meta": {"width": 5, "height": 4}, "cell": 0}
    assert rows[0][1:] == ["cat", 0.5, True]
    assert rows[1] == [None, "dog", "NaN", False]
    assert set(draft.parts) == {"data", "cell:0"}
    assert draft.meta["preview"] == rows


def test_tables_come_from_rows_arrays_and_data_frames() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "t": pd.to_datetime(["2026-01-01"] * 2)})
    for table in (Table(dataframe=frame), Table(data=frame)):
        head, rows = decode_table(raw(only(table)))
        assert (head.columns, head.types) == (["a", "b", "t"], ["number", "text", "text"])
        assert [row[:2] for row in rows] == [[1, "x"], [2, None]]
    assert Table(columns=["a", "b"], data=np.eye(2)).get_column("b") == [0.0, 1.0]
    assert Table().columns == ["Input", "Output", "Expected"]
    assert Table(columns=["a"], data=[[3]]).get_column("a", convert_to="numpy").tolist() == [3]


def test_a_row_that_does_not_fit_is_refused_with_the_columns() -> None:
    table = Table(columns=["a", "b"])
    with pytest.raises(InvalidInput, match="a, b"):
        table.add_data(1)
    with pytest.raises(InvalidInput):
        table.add_column("c", [1, 2, 3][: len(table) + 1])
    with pytest.raises(InvalidInput, match="no column"):
        table.get_column("z")
    with pytest.raises(InvalidInput):
        Table(columns=["a", "a"])
    with pytest.raises(InvalidInput):
        Table(columns=["a"], data=["text"])
