"""What runs of a random store may have."""

from __future__ import annotations

import math
from typing import Any

VALUES: list[Any] = [
    0,
    1,
    2,
    -1.5,
    0.5,
    1e300,
    math.inf,
    -math.inf,
    math.nan,
    True,
    False,
    "a",
    "B",
    "b*",
    "",
    None,
    [1, 2],
]


COUNT = 60
