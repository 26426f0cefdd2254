"""Figures and tables as the page of benchmarks shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Results = dict[str, Any]


def number(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return "-"
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def row(name: str, cost: Results, fields: Iterable[str]) -> list[str]:
    return [name, *(number(cost[field]) for field in fields)]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"
