"""Stores that several modules ask."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from epochal.domain.record import Attributes, Config, Definition, Labels, Summary, Text
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from tests.store.journals import Writing
from tests.store.varied import COUNT, VALUES


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Sixty runs with everything that can differ.

    Kinds of values, missing ones, definitions, tags, states.
    """
    home = tmp_path_factory.mktemp("search")
    rng = random.Random(5)
    for number in range(COUNT):
        w = Writing(home, f"run-{number}", second=number // 2)
        config = {key: rng.choice(VALUES) for key in ("a", "b", "c") if rng.random() < 0.8}
        w.fact(Config(w.now, {"x": config, "n": number, "weird key": {"é/ü": rng.choice(VALUES)}}))
        if rng.random() < 0.5:
            w.fact(Definition(w.now, "m*", summary=[rng.choice(["min", "max", "mean", "none"])]))
        for key in ("m/a", "m/b", "k"):
            if rng.random() < 0.7:
                for step in range(rng.randint(1, 4)):
                    w.row(
                        step,
                        **{key: rng.choice([v for v in VALUES if isinstance(v, (int, float))])},
                    )
        if rng.random() < 0.3:
            w.fact(Summary(w.now, {rng.choice(["m/a", "k", "u"]): rng.choice(VALUES)}))
        if rng.random() < 0.3:
            w.fact(Text(rng.choice(["k", "t"]), 0, w.now, rng.choice(["a", "b*", "long text"])))
        w.fact(
            Attributes(
                w.now,
                {
                    "tags": [t for t in ("x", "y") if rng.random() < 0.4],
                    "group": rng.choice(["", "g", "G*"]),
                },
            )
        )
        if number % 3:
            w.fact(
                Labels(
                    w.now, {"team.of": "ab B*"[number % 5], "$own": "a", "alone": "b", "k": "c"}
                )
            )
        state = rng.choice([None, "finished", "failed"])
        if state:
            w.finish(state, rng.choice([0, 1, None]))
        else:
            w.journal.sync()
    with open_store(home) as store:
        ingest_home(store)
        yield store


@pytest.fixture
def statements():
    """What was asked of the database."""
    asked: list[str] = []

    def note(connection, cursor, statement, *_) -> None:
        asked.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield asked
    sa.event.remove(sa.Engine, "before_cursor_execute", note)
