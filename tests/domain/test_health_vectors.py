"""The vectors that hold the page's port of the health rules to ours are those of today's rules."""

from __future__ import annotations

from epochal.domain.health import State
from tests.domain import health_vectors


def test_the_vectors_are_those_of_the_rules() -> None:
    """After a change of a rule: ``python -m tests.domain.health_vectors``, then the page's."""
    assert health_vectors.PATH.read_text() == health_vectors.text()


def test_the_vectors_show_every_state() -> None:
    seen = {
        state
        for vector in health_vectors.vectors()
        for layer in vector["expected"].values()
        for state in layer["states"]
    }
    assert seen == set(State)
