"""What a step gives: names, types, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest

from epochal.errors import StepFailed
from epochal.pipelines import (
    Output,
    pickled,
    pipeline,
    step,
)


class Pair(NamedTuple):
    left: int
    right: str


class Opaque:
    def __init__(self, n: int) -> None:
        self.n = n

    def __reduce__(self) -> Any:
        return Opaque, (self.n,)


def test_outputs_are_named_by_every_kind_of_annotation() -> None:
    @step
    def annotated() -> tuple[Annotated[int, "n"], Annotated[str, "s"]]:
        return 1, "a"

    @step
    def named_tuple() -> Pair:
        return Pair(1, "a")

    @step
    def with_output() -> Output(n=int, s=str):  # type: ignore[valid-type]
        return 1, "a"

    @step
    def unnamed() -> tuple[int, str]:
        return 1, "a"

    @step
    def single() -> Annotated[int, "only"]:
        return 1

    @step
    def nothing() -> None:
        return None

    @pipeline
    def flow() -> None:
        n, s = annotated()
        pair = named_tuple()
        named = with_output()
        unnamed()
        single()
        nothing().wait()
        assert (n.load(), s.load()) == (1, "a")
        assert (pair.left.load(), pair.right.load()) == (1, "a")
        assert (named.n.load(), named.s.load()) == (1, "a")

    steps = flow().steps
    names = {name: list(each.out) for name, each in steps.items()}
    assert names == {
        "annotated": ["n", "s"],
        "named_tuple": ["left", "right"],
        "with_output": ["n", "s"],
        "unnamed": ["output_0", "output_1"],
        "single": ["only"],
        "nothing": [],
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((1,), r"step 'work' returned 1 where 2 outputs were expected \(n, s\)"),
        (1, "step 'work' returned int where 2 outputs were expected"),
        ((1, 2), "output 's' must be str, got int"),
        (("1", "2"), "output 'n' must be int, got str"),
    ],
    ids=["too few", "no tuple", "wrong second", "wrong first"],
)
def test_a_wrong_count_or_type_names_step_and_output(given: Any, message: str) -> None:
    @step
    def work(value: Any) -> Output(n=int, s=str):  # type: ignore[valid-type]
        return value

    @pipeline
    def flow() -> None:
        work(given)

    with pytest.raises(StepFailed, match=message):
        flow()


def test_a_value_that_nothing_keeps_names_step_output_place_and_remedy() -> None:
    @step
    def work() -> Annotated[Any, "thing"]:
        return {"parts": [1, (i for i in range(3))]}

    @pipeline
    def flow() -> None:
        work()

    words = (
        r"^step 'work' failed: output 'thing': no safe serializer keeps a builtins\.generator "
        r"\(at \['parts'\]\[1\]\)\..*pickled"
    )
    with pytest.raises(StepFailed, match=words):
        flow()


def test_a_pickle_travels_only_between_those_that_ask_for_it() -> None:
    @step
    def make() -> Annotated[Any, "thing", pickled]:
        return Opaque(3)

    @step
    def trusting(thing: Annotated[Any, pickled]) -> int:
        n: int = thing.n
        return n

    @step
    def careful(thing: Any) -> int:
        return 0

    @pipeline
    def good() -> None:
        trusting(make())

    @pipeline
    def bad() -> None:
        careful(make())

    assert good().step("trusting").output.load() == 3
    with pytest.raises(StepFailed, match="is a pickle, and reading one runs the code"):
        bad()


def test_each_step_gets_a_fresh_copy(tmp_path: Path) -> None:
    """What one step does to its input, no other sees, and the cache neither."""

    @step
    def make() -> list[int]:
        return [1]

    @step
    def spoil(values: list[int], n: int) -> int:
        values.append(n)
        return len(values)

    @pipeline
    def flow() -> None:
        made = make()
        spoil.map(made, n=[1, 2, 3])

    run = flow()
    assert [run.step(f"spoil[{i}]").output.load() for i in range(3)] == [2, 2, 2]
    assert run.step("make").output.load() == [1]
