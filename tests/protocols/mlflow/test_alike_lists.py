"""Experiments, models and versions are found as MLflow's own server finds them.

`alike_lists.json` was recorded from ``mlflow server``; `alike_lists` says how. What differs is
named here, with why, and in the guide. Where MLflow's server refuses a question or breaks, ours
may answer it: `ANSWERED` says which.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.protocols.mlflow import alike_lists
from tests.protocols.mlflow.alike import Found

ASKING = (alike_lists,)
GUIDE = Path(__file__).parents[3] / "docs" / "mlflow.md"

_KEY = r"(?:`\w+`|\"\w+\"|attr(?:ibutes?)?\.\w+|[Tt]ags?\.\S+|Name|name|run_id|source_path)"
ANSWERED = {
    rf"\w+: {_KEY} (?:like|iLike|in) .*": "an operator may be written in small letters",
    r"\w+: (?:`name`|\"name\"|attr\.|attributes?\.|Tags\.|tag\.|tags\.(?:\"|'|`)).*"
    r"|\w+: by \['(?:`|attribute).*":
        "a key needs no quotes where it can be read in one way only",
    r"\w+:  (?: alone)?|\w+: by \['.* DESC '.*|\w+: \w+ = \+1": "spaces and a plus change nothing",
    r".* IS (?:NOT )?NULL.*|.* is null(?: alone)?"
    r"|\w+: by \['?(?:tags\.|creation_|run_id|version).*|logged: by (?:params|tags|attributes|`).*"
    r"|experiments: experiment_id .*|\w+: (?:\w*_?timestamp|creation_time|version_number) .*":
        "what can be answered is answered",
}  # fmt: skip
DIFFERENT = {
    r"\w+:  ": "spaces and a plus change nothing",
    r".* AND(?: alone)?": "half a filter is a mistake, not a shorter filter",
    r"experiments: by \['name.*', 'name DESC'\].*": "a key is given once in an order",
    r"\w+: token eyJvZmZzZXQiOiAtMX0=|experiments: view x":
        "what cannot be used is refused, not passed over",
    r"\w+: size .*": "an answer stays small enough to be held in memory",
    r"logged: (?:name|tags\.team|creation_time) = .*":
        "this is a slip, and finding nothing hides it",
    r"experiments: name ILIKE 'É%'": "letters of every alphabet have capitals",
    r"logged: tags\.(?:\"team\"|'team') .*|logged: by metrics\.`score`.*":
        "a key needs no quotes where it can be read in one way only",
    r"logged: (?:attributes\.)?(?:model_type|source_run_id) (?:!=|NOT IN) .*"
    r"|logged: by model_type True.*":
        "an empty type or run of a logged model is none",
    r"logged: metrics\.`?score`? <=? 1|logged: by (?:metrics\.)?score True.*":
        "NaN is no number that is less than others",
    r"logged: on \[.*": "a dataset may be named without its digest",
}  # fmt: skip
"""By pattern of a question: why another answer is better."""


def is_refusal(answer: str) -> bool:
    return re.match(r"[45]\d\d ", answer) is not None


def kind_of(theirs: str, ours: str) -> str:
    """How two answers differ: not at all, or both refuse, or only one does, or neither."""
    if theirs == ours or (is_refusal(theirs) and is_refusal(ours)):
        return "same"  # each refusal of ours is a 400, see below
    return "answered" if is_refusal(theirs) else "different"


def matching(patterns: dict[str, str], name: str) -> bool:
    return any(re.fullmatch(one, name, re.DOTALL) for one in patterns)


@pytest.mark.parametrize(("kind", "patterns"), [("answered", ANSWERED), ("different", DIFFERENT)])
def test_lists_hold_what_mlflow_finds(
    kind: str, patterns: dict[str, str], told: Found, recorded: Found
) -> None:
    assert set(told) == set(recorded)
    unforeseen = {
        name: (ours, recorded[name])
        for name, ours in told.items()
        if kind_of(recorded[name], ours) == kind and not matching(patterns, name)
    }
    assert unforeseen == {}


def test_a_refusal_is_one_of_a_mistake(told: Found) -> None:
    """MLflow's server has a 500 for some of these, which its client sends again."""
    refused = {answer for answer in told.values() if is_refusal(answer)}
    assert refused == {"400 INVALID_PARAMETER_VALUE"}


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [("answered", one) for one in ANSWERED] + [("different", one) for one in DIFFERENT],
)
def test_each_difference_is_one(kind: str, pattern: str, told: Found, recorded: Found) -> None:
    """What is named as different is."""
    meant = [name for name in recorded if re.fullmatch(pattern, name, re.DOTALL)]
    assert any(kind_of(recorded[name], told[name]) == kind for name in meant)


def test_the_guide_says_what_lists_differ_in() -> None:
    text = GUIDE.read_text()
    for reason in (*ANSWERED.values(), *DIFFERENT.values()):
        assert reason in text, reason
