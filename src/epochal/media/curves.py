"""The points of ROC and precision-recall curves and the counts of a confusion matrix, exact.

All thresholds are looked at and equal scores move together. The areas are those of the exact
curves; only the points to draw are thinned, by what a straight line between its neighbors already
shows.

Sources: T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006),
algorithms 1 and 2; average precision: Zhu, "Recall, precision and average precision" (2004),
AP = sum over thresholds of (R_n - R_(n-1)) P_n, without interpolation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from epochal.errors import InvalidInput
from epochal.media.optional import numpy

MAX_POINTS = 2000


class Curve(NamedTuple):
    """Points to draw, with the exact area under all of them."""

    x: Any
    y: Any
    thresholds: Any
    area: float


class _Steps(NamedTuple):
    """True and false positives above each distinct score, scores falling."""

    true: Any
    false: Any
    scores: Any


def roc(positive: Any, scores: Any) -> Curve:
    """True positive rate (y) over false positive rate (x), from (0, 0) to (1, 1).

    The area is that of trapezoids: the chance that a positive gets a higher score than a
    negative, ties counting one half. It is NaN when one of the classes is missing.

    Args:
        positive: whether each example is of the class.
        scores: finite; a higher one means the class is likelier.
    """
    np = numpy()
    steps = _steps(positive, scores)
    all_true, all_false = steps.true[-1], steps.false[-1]
    with np.errstate(invalid="ignore"):
        y = np.concatenate([[0.0], steps.true / all_true]) if all_true else _nan(steps)
        x = np.concatenate([[0.0], steps.false / all_false]) if all_false else _nan(steps)
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))
    thresholds = np.concatenate([[np.inf], steps.scores])
    return _thin(x, y, thresholds, area)


def precision_recall(positive: Any, scores: Any) -> Curve:
    """Precision (y) over recall (x), from recall 0 with precision 1 to recall 1.

    The area is average precision. It is NaN without a positive example.
    """
    np = numpy()
    steps = _steps(positive, scores)
    all_true = steps.true[-1]
    last = int(np.searchsorted(steps.true, all_true)) + 1  # more thresholds add no recall
    true, false = steps.true[:last], steps.false[:last]
    precision = true / (true + false)
    recall = true / all_true if all_true else np.full(last, np.nan)
    area = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    x, y = np.concatenate([[0.0], recall]), np.concatenate([[1.0], precision])
    return _thin(x, y, np.concatenate([[np.inf], steps.scores[:last]]), area)


def confusion(actual: Any, predicted: Any, classes: int) -> Any:
    """Counts, a row per actual class and a column per predicted one, as nested lists.

    Args:
        actual: class numbers from 0.
        predicted: the same.
        classes: how many.
    """
    np = numpy()
    flat = np.bincount(actual * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).tolist()


def corners(x: Any, y: Any, limit: int) -> Any:
    """Which points to keep so that at most ``limit`` draw the same line, as rising indices.

    Points in the middle of a straight stretch are left out first, which changes nothing. If that
    is not enough, the axes are divided into equal parts of the way along the curve, and of each
    part its first point, its last one and those with the least and greatest y stay: no spike and
    no corner of the outline is lost, and no point moves.
    """
    np = numpy()
    keep = np.arange(len(x))
    if len(keep) > 2:
        before_x, before_y = np.diff(x)[:-1], np.diff(y)[:-1]
        after_x, after_y = np.diff(x)[1:], np.diff(y)[1:]
        cross = before_x * after_y - before_y * after_x
        scale = np.abs(before_x * after_y) + np.abs(before_y * after_x)
        bends = ~(np.abs(cross) <= 1e-12 * scale)  # NaN bends
        keep = keep[np.concatenate([[True], bends, [True]])]
    if len(keep) <= limit:
        return keep
    way = np.abs(np.diff(np.nan_to_num(x[keep]))) / _span(x)
    way += np.abs(np.diff(np.nan_to_num(y[keep]))) / _span(y)
    way = np.concatenate([[0.0], np.cumsum(way)])
    parts = np.minimum((way / (way[-1] or 1.0) * (limit // 4)).astype(np.int64), limit // 4 - 1)
    starts = np.flatnonzero(np.diff(parts, prepend=-1))
    order = np.lexsort((y[keep], parts))
    ends = np.append(starts[1:], len(keep)) - 1
    return keep[np.unique(np.concatenate([starts, ends, order[starts], order[ends]]))]


def _span(values: Any) -> float:
    np = numpy()
    finite = values[np.isfinite(values)]
    return float(np.ptp(finite)) or 1.0 if finite.size else 1.0


def _thin(x: Any, y: Any, thresholds: Any, area: float) -> Curve:
    keep = corners(x, y, MAX_POINTS)
    return Curve(x[keep], y[keep], thresholds[keep], area)


def _steps(positive: Any, scores: Any) -> _Steps:
    np = numpy()
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], positive[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(hits, dtype=np.int64)[ends]
    return _Steps(true, ends + 1 - true, ranked[ends])


def _nan(steps: _Steps) -> Any:
    np = numpy()
    return np.full(len(steps.scores) + 1, np.nan)


def read_scores(values: Any, what: str, dimensions: int) -> Any:
    """Finite numbers as a float64 array with that many dimensions.

    Raises:
        InvalidInput: they are something else.
    """
    np = numpy()
    try:
        array = np.asarray(to_host(values), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{what} are numbers: {error}") from None
    if array.ndim != dimensions or not array.size:
        raise InvalidInput(
            f"{what} have {dimensions} dimension{'s' * (dimensions > 1)} and are not empty, "
            f"got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise InvalidInput(f"{what} are finite, got NaN or infinity; leave such examples out")
    return array


def to_host(values: Any) -> Any:
    """Tensors of PyTorch as arrays, inside of lists too; anything else as it is."""
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        return (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    if isinstance(values, (list, tuple)):
        return [to_host(value) for value in values]
    return values
