"""Statistics and histogram of a tensor, computed where the tensor lies.

`measure` gives one row of numbers on the tensor's own device and never makes the host wait for it
(coalescing a sparse gradient on CUDA is the exception, as PyTorch does it so). `describe` reads
that row on the host. Sums are taken in float64 where the device has it, in pieces, so that neither
large tensors nor half precision overflow and the memory needed stays below 100 MB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

BINS = 64
PIECES = {"cpu": 1 << 17}  # elements: what fits the cache
PIECE = 1 << 22
SAMPLE = 16_384
"""Elements of a parameter that are kept to tell how far it moved: all of them up to this number,
else evenly spaced ones."""

MOMENTS = 7
"""finite, min, max, sum, sum of squares, zeros, nan: the head of a row, before the counts."""


class Measured(NamedTuple):
    """A tensor's row on its device, and what the host knows without asking the device.

    Attributes:
        row: `MOMENTS` figures, then `BINS` counts.
        n: elements.
        implicit: zeros that a sparse tensor does not store; one of them is in the row.
    """

    row: Any
    n: int
    implicit: int = 0


def measure(torch: Any, tensor: Any) -> Measured:
    """Start to measure a tensor; its later changes are not seen.

    Args:
        torch: the imported module.
        tensor: any layout, real or complex (a complex number counts as two), not empty.
    """
    values, n, implicit = _stored(torch, tensor.detach())
    wide = wide_type(torch, values.device)
    pieces = values.split(PIECES.get(values.device.type, PIECE))
    heads = [_moments(torch, piece, wide) for piece in pieces]
    head = heads[0] if len(heads) == 1 else _merge(torch.stack(heads))
    counts = _counts(torch, pieces[0], head, wide)
    for piece in pieces[1:]:
        counts = counts + _counts(torch, piece, head, wide)
    return Measured(torch.cat([head, counts]), n, implicit)


def wide_type(torch: Any, device: Any) -> Any:
    """The widest float of a device: Apple's has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def sample(tensor: Any) -> Any:
    """A copy of at most `SAMPLE` evenly spaced elements, as a vector."""
    flat = tensor.detach().reshape(-1)
    stride = -(-flat.numel() // SAMPLE)
    return flat[::stride].clone()


def movement(torch: Any, old: Any, new: Any) -> Any:
    """How far a parameter moved: |new - old| / |new|, a scalar on the device."""
    wide = wide_type(torch, new.device)
    moved = torch.linalg.vector_norm(new.to(wide) - old.to(wide))
    return moved / torch.linalg.vector_norm(new.to(wide))


def describe(
    row: Sequence[float], n: int, implicit: int = 0, scale: float = 1.0
) -> dict[str, Any]:
    """The ``meta`` of a ``histogram`` item.

    Args:
        row: a row that `measure` made.
        n: elements.
        implicit: see `Measured`.
        scale: what all values were multiplied with; it is taken out again.

    Returns:
        edges, counts and stats. Figures of finite values are None when there are none; nothing
        finite gives one empty bin, equal values give one bin around them.
    """
    finite, low, high, total, squares, zeros, nan = row[:MOMENTS]
    extra = max(0, implicit - 1)
    count = int(finite) + extra
    counts = [int(value) for value in row[MOMENTS:]]
    stats: dict[str, Any] = {"n": n, "min": None, "max": None, "mean": None, "std": None}
    if count:
        low, high, mean = low / scale, high / scale, total / scale / count
        squares /= scale * scale
        deviation = math.sqrt(max(0.0, squares / count - mean * mean))
        stats |= {"min": low, "max": high, "mean": mean, "std": deviation}
    stats["norm"] = math.sqrt(squares) if count else None
    stats["zeros"] = int(zeros) + extra
    stats["nan"] = int(nan)
    stats["inf"] = n - count - int(nan)
    if not count:
        return {"edges": [0.0, 1.0], "counts": [0], "stats": stats}
    if low == high:
        half = abs(low) / 2 or 0.5
        return {"edges": [low - half, low + half], "counts": [count], "stats": stats}
    edges = [low * (1 - i / BINS) + high * (i / BINS) for i in range(BINS + 1)]
    if extra:
        counts[min(BINS - 1, int((0.0 - low) / (high - low) * BINS))] += extra
    return {"edges": edges, "counts": counts, "stats": stats}


def _stored(torch: Any, tensor: Any) -> tuple[Any, int, int]:
    """The values that a tensor stores as a float vector, its size, and the zeros left out."""
    implicit = 0
    if hasattr(tensor, "to_local"):  # a DTensor: this process's shard
        tensor = tensor.to_local()
    n = tensor.numel()
    if tensor.layout is torch.sparse_coo:
        tensor = tensor.coalesce().values()
        implicit = n - tensor.numel()
    elif tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex():
        tensor, n, implicit = torch.view_as_real(tensor), 2 * n, 2 * implicit
    values = tensor.reshape(-1)
    if values.dtype is not torch.float64:
        values = values.float()
    if implicit:
        values = torch.cat([values, values.new_zeros(1)])
    return values, n, implicit


def _moments(torch: Any, values: Any, wide: Any) -> Any:
    finite = torch.isfinite(values)
    clean = torch.where(finite, values, 0.0).to(wide)
    figures = [
        finite.sum(),
        torch.where(finite, values, math.inf).amin(),
        torch.where(finite, values, -math.inf).amax(),
        clean.sum(),
        torch.dot(clean, clean),
        values.numel() - torch.count_nonzero(values),
        torch.isnan(values).sum(),
    ]
    return torch.stack([figure.to(wide) for figure in figures])


def _merge(heads: Any) -> Any:
    """The moments of a whole from those of its pieces."""
    total = heads.sum(0)
    total[1] = heads[:, 1].amin()
    total[2] = heads[:, 2].amax()
    return total


def _counts(torch: Any, values: Any, head: Any, wide: Any) -> Any:
    """Counts of `BINS` equal bins between the smallest and the greatest finite value.

    Halves are compared, as the range of two finite floats may overflow. NaN and infinities fall
    outside of [0, 1].
    """
    low, high = head[1].to(values.dtype) / 2, head[2].to(values.dtype) / 2
    width = high - low
    place = (values / 2 - low) / torch.where(width > 0, width, 1.0)
    if torch.are_deterministic_algorithms_enabled():  # histc is not, on CUDA
        inside = (place >= 0) & (place <= 1)
        bins = torch.where(inside, place * BINS, 0.0).clamp(0, BINS - 1).long()
        counts = torch.zeros(BINS, dtype=wide, device=values.device)
        return counts.scatter_add_(0, bins, inside.to(wide))
    return torch.histc(place, BINS, 0.0, 1.0).to(wide)
