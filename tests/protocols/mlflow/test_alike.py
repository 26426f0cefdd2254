"""Searches find what MLflow's own server finds, in its order, and refuse what it refuses.

`alike.json` was recorded from ``mlflow server``; `alike` says how. What differs is named here,
with why, and in the guide.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.protocols.mlflow import alike
from tests.protocols.mlflow.alike import Found

ASKING = (alike,)

NAMED = r"(?:by )?(?:tags\.a/b|params\.p/q|metrics\.val/loss|metrics\.a-b|M\w+\.loss)\b.*"
DIFFERENT = {
    NAMED: "a key needs no quotes where it can be read in one way only",
    r" |.* \+1|by \[' metrics.*": "spaces and a plus change nothing",
    r"AND .*|.* AND": "half a filter is a mistake, not a shorter filter",
    r"metrics\. .*|by \['`metrics.*": "this is a slip, and finding nothing hides it",
    r"(by \[')?(attributes\.|by |by attributes\.)?end_time.*":
        "A run that is ended without an `end_time` gets that of the request",
    r"metrics\.loss \S+ 1e400": "Infinite values are kept",
    r"params\.lr = 'it''s'": "two single quotes in a text stand for one, as in SQL",
    r"status = 'finished'": "a status may be written in small letters",
    r"by (attributes\.)?status.*|by \['status.*": "a run that is `SCHEDULED` counts as running",
    r"dataset\.name = \(.*|by \['start_time', 'created'\]|by \['metrics.acc', 'metric.acc'\]":
        "a user's mistake is no 500, which clients send again",
}  # fmt: skip
"""By pattern of a question: why another answer is better."""


def test_searches_find_what_mlflow_finds(told: Found, recorded: Found) -> None:
    assert set(told) == set(recorded)
    known = re.compile("|".join(f"(?:{one})" for one in DIFFERENT), re.DOTALL)
    differing = {name for name, answer in told.items() if answer != recorded[name]}
    unforeseen = sorted(name for name in differing if not known.fullmatch(name))
    assert {name: (told[name], recorded[name]) for name in unforeseen} == {}


def test_no_question_is_an_error_of_the_server(told: Found) -> None:
    assert [name for name, answer in told.items() if answer.startswith("5")] == []


@pytest.mark.parametrize("pattern", DIFFERENT)
def test_each_difference_is_one(pattern: str, told: Found, recorded: Found) -> None:
    """What is named as different is."""
    meant = [name for name in recorded if re.fullmatch(pattern, name, re.DOTALL)]
    assert any(told[name] != recorded[name] for name in meant)


def test_the_guide_says_what_searches_differ_in() -> None:
    text = (Path(__file__).parents[3] / "docs" / "mlflow.md").read_text()
    for reason in DIFFERENT.values():
        assert reason in text, reason
