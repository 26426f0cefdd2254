"""Mistakes are told with MLflow's status, code and words: held against what its server answered.

`wrong.json` was recorded from ``mlflow server``; `wrong` says how. What differs is named here,
with why, and in the guide.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.mlflow import wrong, wrong_types
from tests.protocols.mlflow.wrong import Told

ASKING = (wrong, wrong_types)

DIFFERENT = {
    "rename a deleted experiment": "a user's mistake is no 500, which clients send again",
    "rename to a taken name": "the code says what is wrong, and no SQL is shown",
    "run with tags that are no list": "what cannot be used is refused, not passed over",
    "update to no status": "what cannot be used is refused, not passed over",
    "metric whose value is a truth": "a truth is no number, as the client itself says",
    "metric whose value is a list": "a user's mistake is no 500, which clients send again",
    "metric at half a step": "what cannot be used is refused, not rounded",
    "batch with a metric that is none": "a user's mistake is no 500, which clients send again",
    "body that is no JSON": "what cannot be read is refused, not taken for nothing",
    "body in Latin-1": "a user's mistake is no 500, which clients send again",
    "body that is a list": "what cannot be read is refused, not taken for nothing",
    "body that is a number": "a user's mistake is no 500, which clients send again",
    "search: order by twice": "a user's mistake is no 500, which clients send again",
    "search: unknown view": "what cannot be used is refused, not passed over",
    "finish an unknown logged model": "the id of the address is enough",
    "logged models, bad filter": "a user's mistake is no 500, which clients send again",
    "logged models, limit too large": "an answer stays small enough to be held in memory",
    "inputs without a dataset": "what cannot be used is refused, not passed over",
    "delete the default experiment": "it is where runs without an experiment go",
    "metric past all numbers": "Infinite values are kept",
    "metric past all times": "what cannot be used is refused, not rounded",
    "metric at a time past 2**53": "what cannot be used is refused, not rounded",
    "metric past all steps": "what cannot be used is refused, not rounded",
    "metric at half a time": "what cannot be used is refused, not rounded",
    "metric at a time that is a truth": "what cannot be used is refused, not rounded",
    "metric at a step that is a list": "a user's mistake is no 500, which clients send again",
    "metric with a bare NaN": "a user's mistake is no 500, which clients send again",
    "metric of an unknown model": "the code says what is wrong, and no SQL is shown",
    "batch with nulls for lists": "a user's mistake is no 500, which clients send again",
    "batch of an unknown model": "the code says what is wrong, and no SQL is shown",
    "body of 3,000 brackets": "a user's mistake is no 500, which clients send again",
    "run in an experiment past all ids": "a user's mistake is no 500, which clients send again",
    "experiment past all ids": "a user's mistake is no 500, which clients send again",
    "run before 1970": "times count from 1970",
    "update to an end before 1970": "times count from 1970",
    "run with tags that are an object": "what cannot be used is refused, not passed over",
    "run with a tag twice": "the last one counts, as in a batch",
    "update to a status in small letters": "what cannot be used is refused, not passed over",
    "models, limit 0": "what cannot be used is refused, not passed over",
    "version past all numbers": "a user's mistake is no 500, which clients send again",
    "logged model of an unknown run": "its files lie with those of its run",
    "logged models, bad token": "a user's mistake is no 500, which clients send again",
    "output at a word": "what cannot be used is refused, not passed over",
    "note of a model that is a list": "a user's mistake is no 500, which clients send again",
}
"""Another status or code than MLflow's, and why."""

WORDED = {
    r"search: .*|.*, (bad filter|bad order|unknown attribute)": "they tell the position, too",
    r".*bad token": "nothing of the token is decoded for the message",
    r".*, limit (too large|0)": "one wording for all searches",
    r"experiment with a (taken|deleted one's) name": "no SQL is shown",
    r"(delete a deleted|restore an active) experiment": "they tell what is the matter",
    r"experiment elsewhere|version from .*": "places outside of this server are refused as such",
    r"alias with a space": "aliases are shorter here",
    r"metric at a negative time": "the value is shown as it was sent",
    r"batch with a changed param": "one wording, as for a single param",
    r"remove an experiment's missing tag": "it names the experiment, whose id is another",
    r"logged models, order by nothing|latest versions of a number": "the parameter is named",
    r"model called \.\.": "they tell the rule",
    r"body .*": "they tell what is the matter",
}
"""The same status and code in other words, and why."""


@pytest.fixture(scope="module")
def recorded(recorded: dict[str, list[Any]]) -> dict[str, Told]:
    """What MLflow's server answered, as ours is told."""
    return {name: Told(*one) for name, one in recorded.items()}


def test_mistakes_get_mlflows_status_and_code(
    told: dict[str, Told], recorded: dict[str, Told]
) -> None:
    assert set(told) == set(recorded)
    differing = {name for name, one in told.items() if one[:2] != recorded[name][:2]}
    assert differing == set(DIFFERENT)
    assert all(one.status < 500 for one in told.values())


def test_mistakes_are_told_in_mlflows_words(
    told: dict[str, Told], recorded: dict[str, Told]
) -> None:
    """And where the words are others, the first of them are still MLflow's or say more."""
    differing = [
        name
        for name, one in told.items()
        if name not in DIFFERENT and one.message != recorded[name].message
    ]
    patterns = re.compile("|".join(f"(?:{one})" for one in WORDED))
    assert [name for name in differing if not patterns.fullmatch(name)] == []


def test_the_guide_says_what_differs_and_why() -> None:
    text = (Path(__file__).parents[3] / "docs" / "mlflow.md").read_text()
    for reason in {*DIFFERENT.values(), *WORDED.values()}:
        assert reason in text, reason
