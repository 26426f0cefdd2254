"""Steps and pipelines as a user calls them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from epochal.errors import InvalidInput
from epochal.pipelines import (
    StepContext,
    pipeline,
    step,
    unmapped,
)

DEADLINE_S = 30.0


def note(path: Path, text: object) -> None:
    """Write down that a step ran, where its key does not see it."""
    with path.open("a") as file:
        file.write(f"{text}\n")


def test_outside_of_a_pipeline_a_step_just_runs() -> None:
    """A plain function stays one, context included."""

    @step
    def add(a: int, b: int = 2) -> int:
        return a + b

    @step
    def where(context: StepContext) -> str:
        return context.get_output_artifact_uri()

    assert add(1) == 3
    assert add.map([1, 2], b=10) == [11, 12]
    assert Path(where()).is_dir()
    assert add.name == "add"


def test_inside_of_a_step_another_step_just_runs() -> None:
    @step
    def inner(n: int) -> int:
        return n + 1

    @step
    def outer(n: int) -> int:
        value: int = inner(n)
        return value * 10

    @pipeline
    def flow() -> None:
        outer(1)

    run = flow()
    assert run.step("outer").output.load() == 20
    assert list(run.steps) == ["outer"]


def test_a_pipeline_inside_of_a_pipeline_gives_its_steps_to_the_outer_one() -> None:
    @step
    def one(n: int) -> int:
        return n

    @pipeline
    def inner(n: int) -> Any:
        return one(n)

    @pipeline
    def outer() -> Any:
        return one(inner(5))

    run = outer()
    assert list(run.steps) == ["one", "one_2"]
    assert run.returned.load() == 5


def test_independent_steps_overlap() -> None:
    """Each of two steps waits for the other to have begun."""
    both = threading.Barrier(2, timeout=DEADLINE_S)

    @step
    def meet(n: int) -> int:
        both.wait()
        return n

    @pipeline(cache=False)
    def flow() -> None:
        meet(1)
        meet(2)

    assert flow().state == "finished"


def test_a_loaded_value_decides_what_runs() -> None:
    """``load()`` is the barrier that gives the value to Python."""

    @step
    def score(n: int) -> int:
        return n * n

    @step
    def promote(n: int) -> str:
        return f"promoted {n}"

    @pipeline
    def flow(n: int) -> None:
        found = score(n)
        if found.load() > 10:
            promote(found)

    assert list(flow(2).steps) == ["score"]
    assert flow(5).step("promote").output.load() == "promoted 25"


def test_map_fans_out_and_a_list_of_futures_reduces() -> None:
    @step
    def square(n: int, plus: int, table: list[int]) -> int:
        return n * n + plus + table[0]

    @step
    def total(parts: list[int]) -> int:
        return sum(parts)

    @pipeline
    def flow() -> None:
        total(square.map(range(4), plus=1, table=unmapped([100])))

    assert flow().step("total").output.load() == 0 + 1 + 4 + 9 + 4 * 101


def test_map_wants_lists_of_one_length() -> None:
    @step
    def both(a: int, b: int) -> int:
        return a + b

    with pytest.raises(InvalidInput, match="got 2 and 3"):
        both.map([1, 2], [1, 2, 3])
    with pytest.raises(InvalidInput, match="got none"):
        both.map(1, b=2)


def test_a_future_is_no_value() -> None:
    """A forgotten ``load()`` is an error that says so, not a wrong branch."""

    @step
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        if one() > 0:
            one()

    with pytest.raises(InvalidInput, match=r"is a future; .*\.load\(\)"):
        flow()


def test_after_orders_steps_without_data() -> None:
    seen: list[str] = []

    @step
    def slow() -> None:
        seen.append("slow")

    @step
    def later() -> None:
        seen.append("later")

    @pipeline(cache=False)
    def flow() -> None:
        later.after(slow())()

    flow()
    assert seen == ["slow", "later"]


def test_a_future_of_another_run_is_refused() -> None:
    kept: list[Any] = []

    @step
    def one(n: int = 1) -> int:
        return n

    @pipeline
    def first() -> None:
        kept.append(one())

    @pipeline
    def second() -> None:
        one(kept[0])

    first()
    with pytest.raises(InvalidInput, match="of another run"):
        second()


def test_two_equal_calls_run_once(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    @step
    def work(n: int) -> int:
        note(calls, n)
        return n

    @pipeline
    def flow() -> None:
        work(1)
        work(1)

    run = flow()
    assert calls.read_text() == "1\n"
    assert sorted(each.state for each in run.steps.values()) == ["cached", "finished"]
