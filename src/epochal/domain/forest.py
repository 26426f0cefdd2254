"""A forest of extremely randomized trees, all of them grown at once.

Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006): at each node
every feature offers one threshold, drawn evenly between its least and greatest value there, and
the split that explains most variance is taken. Each tree sees its own random share of the rows;
what is asked of the forest is answered by the trees that did not see the row. Randomness comes in
as an argument, so equal input gives equal output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

MAX_DEPTH: Final = 14
LEAST_LEAF: Final = 3
SHARE: Final = 0.632
"""Rows that a tree sees, as many as a bootstrap holds."""


@dataclass(frozen=True)
class _Level:
    """The nodes of one depth; ``child`` is the left child's number a level down, -1 at a leaf."""

    feature: Integers
    threshold: Floats
    child: Integers
    value: Floats


@dataclass(frozen=True)
class Forest:
    """Grown trees, and which rows each of them did not see.

    Attributes:
        levels: nodes by depth; tree t starts at node t of the first level.
        unseen: bool, trees x rows.
    """

    levels: tuple[_Level, ...]
    unseen: NDArray[np.bool_]

    def predict(self, features: Floats) -> Floats:
        """What the trees that did not see a row say of it.

        Args:
            features: rows x features, the rows of the training in their order.

        Returns:
            The mean of those trees; NaN for a row that every tree saw.
        """
        node, row = np.nonzero(self.unseen)
        answers = np.zeros(features.shape[0])
        counts = np.bincount(row, minlength=features.shape[0])
        for level in self.levels:
            child = level.child[node]
            leaf = child < 0
            answers += np.bincount(
                row[leaf], weights=level.value[node[leaf]], minlength=len(answers)
            )
            inner = ~leaf
            node, row, child = node[inner], row[inner], child[inner]
            right = features[row, level.feature[node]] > level.threshold[node]
            node = child + right
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = answers / counts
        return mean


def grow(features: Floats, target: Floats, trees: int, chance: np.random.Generator) -> Forest:
    """Grow a forest.

    Args:
        features: rows x features, finite.
        target: one number for each row, finite.
        trees: how many.
        chance: where randomness comes from.
    """
    rows = len(target)
    seen = np.zeros((trees, rows), np.bool_)
    for tree in range(trees):
        seen[tree, chance.permutation(rows)[: max(1, round(rows * SHARE))]] = True
    node, row = np.nonzero(seen)
    levels: list[_Level] = []
    for depth in range(MAX_DEPTH + 1):
        level, node, row = _split(features, target, node, row, chance, last=depth == MAX_DEPTH)
        levels.append(level)
        if not len(row):
            break
    return Forest(tuple(levels), ~seen)


def _split(
    features: Floats,
    target: Floats,
    node: Integers,
    row: Integers,
    chance: np.random.Generator,
    *,
    last: bool,
) -> tuple[_Level, Integers, Integers]:
    """One level: ``row`` lies in ``node``, sorted by node; and what goes on to the next."""
    starts = np.flatnonzero(np.r_[True, np.diff(node) > 0])
    sizes = np.diff(np.r_[starts, len(node)])
    values = target[row]
    sums = np.add.reduceat(values, starts)
    columns = features[row]
    low = np.minimum.reduceat(columns, starts)
    high = np.maximum.reduceat(columns, starts)
    thresholds = low + chance.random(low.shape) * (high - low)
    left = columns <= np.repeat(thresholds, sizes, axis=0)
    n_left = np.add.reduceat(left.astype(np.int64), starts)
    left_sums = np.add.reduceat(np.where(left, values[:, None], 0.0), starts)
    n_right = sizes[:, None] - n_left
    fits = (n_left >= LEAST_LEAF) & (n_right >= LEAST_LEAF)
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = left_sums**2 / n_left + (sums[:, None] - left_sums) ** 2 / n_right
    gain = np.where(fits, gain - (sums**2 / sizes)[:, None], -np.inf)
    best = np.argmax(gain, axis=1)
    every = np.arange(len(starts))
    divided = gain[every, best] > 1e-12
    if last:
        divided[:] = False
    child = np.where(divided, 2 * (np.cumsum(divided) - 1), -1)
    level = _Level(best, thresholds[every, best], child, sums / sizes)
    kept = np.repeat(divided, sizes)
    goes_right = ~left[np.arange(len(row)), np.repeat(best, sizes)]
    below = (np.repeat(child, sizes) + goes_right)[kept]
    order = np.argsort(below, kind="stable")
    return level, below[order], row[kept][order]
