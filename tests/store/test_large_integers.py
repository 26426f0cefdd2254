"""Integers at the edges of 64 bits, from `epochal.init` to the reading API."""

from __future__ import annotations

from typing import Any

import epochal

QUIET = {"console": False, "system_interval": 0, "git": False, "silent": True}


def logged(values: list[int]) -> list[Any]:
    run = epochal.init(project="edges", settings=QUIET)
    for value in values:
        run.log({"n": value})
    run.finish()
    return epochal.run(run.uid).history(keys=["n"])["n"].tolist()


def test_integers_of_64_bits_come_back_exactly():
    """docs/internals/segment.md: a column of integers that fit stays int64."""
    values = [-(2**63), 2**63 - 1, 2**53 + 1, 0, -1]
    found = logged(values)
    assert [int(value) for value in found] == values


def test_a_column_with_larger_integers_becomes_floats():
    """2**63 and 2**64 - 1 do not fit int64; the column is float64, each value the nearest one."""
    values = [2**63, 2**64 - 1, -(2**63), 7]
    found = logged(values)
    assert [float(value) for value in found] == [float(value) for value in values]
