"""Why a step ran again is told, and what its key cannot see is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochal.errors import StepFailed
from tests.pipelines.written import STEP, modules, run


def test_why_a_step_ran_is_shown_with_the_changed_lines(tmp_path: Path) -> None:
    """The helper that was edited is named, and its old and new line stand below."""
    source = "def helper(x):\n    return x * {}\n" + STEP.format("helper(3)").replace("{}", "3")
    with modules(tmp_path, {"main": source.replace("{}", "2")}) as made:
        first = made["main"].flow()
    assert "first time" in first.why_ran("work")
    with modules(tmp_path, {"main": source.replace("{}", "100")}) as made:
        second = made["main"].flow()
    why = second.why_ran("work")
    assert "function main:helper changed" in why
    assert "-    return x * 2" in why
    assert "+    return x * 100" in why
    with modules(tmp_path, {"main": source.replace("{}", "100")}) as made:
        assert "same key" in made["main"].flow().why_ran("work")


def test_why_a_step_ran_names_parameters_and_inputs(tmp_path: Path) -> None:
    source = """
    @step
    def first(n: int) -> int: return n
    @step
    def work(x: int, rate: float) -> Any: return x * rate
    @pipeline
    def flow(n, rate): work(first(n), rate)
    """
    with modules(tmp_path, {"main": source}) as made:
        made["main"].flow(1, 0.5)
        why = made["main"].flow(1, 0.25).why_ran("work")
        assert "parameter rate: 0.5 -> 0.25" in why
        assert "input x" not in why
        assert "input x: other content" in made["main"].flow(2, 0.25).why_ran("work")


def test_blind_spots_are_named_once_and_strict_refuses_them(tmp_path: Path) -> None:
    """What a key cannot see is said, unless an option answers it."""
    source = """
    class Opaque:
        __slots__ = ("n",)
    thing = Opaque()
    @step{}
    def work() -> Any:
        open
        return str(type(thing).__name__)
    @pipeline
    def flow(): work()
    """
    with pytest.warns(UserWarning, match=r"cannot see this: (open\(\)|main:thing)"):
        run(tmp_path, {"main": source.format("")})
    with (
        modules(tmp_path, {"main": source.format("(cache='strict')")}) as made,
        pytest.raises(StepFailed, match="cannot see everything"),
    ):
        made["main"].flow()
    assert run(tmp_path, {"main": source.format("(cache='strict', version='1')")})[0] == "finished"
