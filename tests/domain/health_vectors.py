"""Records of layers with what `epochal.domain.health` says of them, for the page's port of it.

``python -m tests.domain.health_vectors`` writes `health_vectors.json` anew; both suites read it.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from epochal.domain import health

PATH = Path(__file__).with_suffix(".json")
N = 100


def stats(norm: float | None = 1.0, n: int = N, **more: int) -> dict[str, Any]:
    """Figures of one record."""
    return {"n": n, "norm": norm, "zeros": 0, "nan": 0, "inf": 0, **more}


def plain(value: float) -> float:
    """The value to six digits: the last ones of a power differ between machines."""
    return float(f"{value:.6g}")


def cases() -> dict[str, dict[str, Any]]:
    """Records by layer, for every rule and threshold, at and on both sides of it."""
    zero = stats(0.0, zeros=N)
    small = health.VANISHING_RMS * N**0.5
    edge = health.EXPLODING_RMS * N**0.5
    calm = [stats(1.0 + 0.5 * (i % 3)) for i in range(10)]
    single: dict[str, list[dict[str, Any]]] = {
        "healthy": calm,
        "dead after a pause": [stats(), zero, zero, stats(), zero, zero, zero, zero, stats()],
        "vanishing": [stats(small * 1.01), stats(small * 0.99)],
        "exploding": [*calm, stats(90.0), stats(200.0), stats(300.0)],
        "just below and above the factor": [*[stats(1.0)] * 5, stats(100.0), stats(100.1)],
        "too short a past": [*calm[:4], stats(500.0)],
        "recovery": [stats(1000.0), *[stats(1.0)] * 10, stats(900.0), stats(1100.0)],
        "slow growth": [stats(plain(1.2**i)) for i in range(health.HISTORY + 10)],
        "half precision": [stats(edge), stats(edge * 1.01)],
        "not finite": [stats(nan=1, inf=1), stats(1e9, inf=1), stats(0.0, zeros=N - 1, nan=1)],
        "all broken": [stats(None, nan=N), stats(None, inf=N)],
        "missing figures": [{}, {"n": 4, "norm": None}, {"norm": 3.0}],
        "even median": [*[stats(1.0)] * 3, *[stats(3.0)] * 3, stats(199.0), stats(201.0)],
    }
    found: dict[str, dict[str, Any]] = {
        name: {"layer": [[10 * i, one] for i, one in enumerate(series)]}
        for name, series in single.items()
    }
    found["beside a strong layer"] = {
        "weak": [[0, stats(1e-3)], [5, stats(1e-3)], [9, stats(1e-3)]],
        "strong": [[0, stats(10.0)], [5, stats(2e4)], [10, stats(1.0)]],
    }
    source = random.Random(5)
    found["wild"] = {
        f"layer{k}": [[step, _wild(source)] for step in range(0, 160, 2)] for k in range(3)
    }
    return found


def _wild(source: random.Random) -> dict[str, Any]:
    kind = source.random()
    if kind < 0.03:
        return stats(1.0, nan=source.randrange(2), inf=source.randrange(2))
    if kind < 0.3:
        return stats(0.0, zeros=N)
    return stats(plain(10.0 ** source.uniform(-9, 4 if kind < 0.4 else 1)))


def vectors() -> list[dict[str, Any]]:
    """Each case as gradients and as parameters, with its diagnosis."""
    out = []
    for name, records in cases().items():
        for gradients in (True, False):
            found = health.diagnose(records, gradients=gradients)
            told = {key: {"states": one.states, "first": one.first} for key, one in found.items()}
            out.append(
                {"name": name, "gradients": gradients, "records": records, "expected": told}
            )
    return out


def text() -> str:
    """The file's content."""
    lines = ",\n".join(json.dumps(vector, separators=(",", ":")) for vector in vectors())
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    PATH.write_text(text())
