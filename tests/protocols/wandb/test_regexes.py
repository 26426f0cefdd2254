"""Regular expressions that become patterns find what they find elsewhere, or are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.expression import like
from epochal.errors import InvalidInput
from epochal.protocols.wandb.regexes import patterns

ATOMS = st.sampled_from(
    ["a", "B", ".", "[ab]", "[a-c1]", "\\d", "\\w", "-", "\\.", "(a|b)", "(?:ab|c)"]
)
SIGNS = st.sampled_from(["", "", "", "?", "*", "+", "+?", "{2}", "{1,2}", "{1,}"])
PARTS = st.lists(st.tuples(ATOMS, SIGNS).map("".join), max_size=4).map("".join)
BRANCHES = st.tuples(st.sampled_from(["", "^"]), PARTS, st.sampled_from(["", "$"])).map("".join)
REGEXES = st.lists(BRANCHES, min_size=1, max_size=2).map("|".join)
TEXTS = st.lists(st.text("abcB1.-x", max_size=6), min_size=5, max_size=5)


@given(REGEXES, TEXTS)
def test_what_is_accepted_finds_what_a_regular_expression_finds(
    regex: str, texts: list[str]
) -> None:
    """Whatever the case of its letters."""
    try:
        found = patterns(regex)
    except InvalidInput:
        return
    reference = re.compile(regex, re.IGNORECASE | re.ASCII)
    for text in texts:
        fits = any(like(text, pattern) for pattern in found)
        assert fits == (reference.search(text) is not None), (text, found)


@pytest.mark.parametrize(
    ("regex", "found"),
    [
        ("^run-\\d+", [f"run-{digit}*" for digit in range(10)]),
        ("[xy]+@z$", ["*x@z", "*y@z"]),
        ("^v[12]\\.0?$", ["v1.", "v1.0", "v2.", "v2.0"]),
        ("(?i)^A.*b", ["a*b*"]),
        ("^a{2,3}$", ["aa", "aaa"]),
        ("[]a-]", ["*]*", "*a*", "*-*"]),
        ("ab*", ["*a*"]),
        ("((((a+)+)+)+)+$", ["*a"]),
        ("", ["*"]),
    ],
)
def test_classes_and_counts_are_laid_out(regex: str, found: list[str]) -> None:
    assert [one.lower() for one in patterns(regex)] == found


@pytest.mark.parametrize(
    "regex",
    [
        "^a+$", "^[0-9]+$", "(a|b)+c$|^(ab)+$", "[^a]", "[0-9]{3}", "a**", "(a", "a)", "[a", "{2}",
        "a\\*", "\\bfoo", "(?=a)", "(?P<n>a)", "\\1", "a^b", "a$b", "^*", "[b-a]", "[a-\\d]", "\\",
        "(" * 30, "(a|b)" * 8, "(a?){100}", "((a{9}){9}){9}{9}", "x" * 2_000,
    ],
    ids=lambda regex: regex[:20],
)  # fmt: skip
def test_what_is_no_pattern_is_refused_with_what_can_be_used(regex: str) -> None:
    """At once, however much it would stand for."""
    with pytest.raises(InvalidInput, match="use plain text"):
        patterns(regex)
