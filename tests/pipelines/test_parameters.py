"""Where parameters and options come from, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from epochal.errors import InvalidInput
from epochal.pipelines import (
    pipeline,
    step,
)


def step_state(run: Any, name: str) -> str:
    state: str = run.step(name).state
    return state


def test_parameters_come_from_call_file_and_defaults_in_this_order(tmp_path: Path) -> None:
    @step
    def fit(lr: float, epochs: int = 1, name: str = "a") -> list[Any]:
        return [lr, epochs, name]

    @pipeline
    def flow(lr: float = 0.1) -> None:
        fit(lr)

    path = tmp_path / "flow.yaml"
    path.write_text(
        "parameters: {lr: 0.5}\nsteps: {fit: {parameters: {epochs: 3}, retries: 1, cache: false}}"
    )
    configured = flow.with_options(config=path)
    assert flow().step("fit").output.load() == [0.1, 1, "a"]
    assert configured().step("fit").output.load() == [0.5, 3, "a"]
    assert configured(lr=0.9).step("fit").output.load() == [0.9, 3, "a"]
    assert configured().step("fit").state == "finished"
    texts = flow.with_parameters({"lr": "0.25"})
    assert texts().step("fit").output.load() == [0.25, 1, "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: {rate: 1}", "has no parameter 'rate'; it has lr"),
        ("parameters: {lr: fast}", "parameter 'lr' must be"),
        ("steps: {fit: {parameters: {x: 1}}}", "step 'fit' has no parameter 'x'"),
        ("steps: {fit: {speed: 1}}", "a step has no option 'speed'"),
        ("other: 1", "'parameters' and 'steps'"),
        ("a: [", "is no YAML"),
    ],
    ids=["parameter", "type", "step parameter", "option", "part", "syntax"],
)
def test_a_wrong_configuration_is_refused(text: str, message: str, tmp_path: Path) -> None:
    @step
    def fit(lr: float) -> float:
        return lr

    @pipeline
    def flow(lr: float = 0.1) -> None:
        fit(lr)

    path = tmp_path / "flow.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        flow.with_options(config=path)()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 1}, "a step has no option 'speed'"),
        ({"retries": -1}, "retries is a whole number"),
        ({"timeout": "soon"}, "timeout is seconds, or a text"),
        ({"timeout": 1, "executor": "thread"}, "a thread cannot be ended"),
        ({"cache": "maybe"}, "cache is True, False or 'strict'"),
        ({"resources": 3}, "resources look like"),
        ({"pin": "loose"}, "pin is one of"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused_when_the_step_is_made(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        step(**options)


def test_what_is_no_plain_function_is_no_step() -> None:
    async def coroutine() -> None: ...

    def generator() -> Any:
        yield 1

    for wrong in (coroutine, generator, len, 3):
        with pytest.raises(InvalidInput, match=r"plain"):
            step(wrong)  # type: ignore[arg-type]


def test_a_missing_argument_is_named() -> None:
    @step
    def work(a: int, b: int) -> int:
        return a + b

    @pipeline
    def flow() -> None:
        work(1)

    with pytest.raises(InvalidInput, match="step 'work' is called without 'b'"):
        flow()


def test_a_value_that_is_no_parameter_becomes_an_input() -> None:
    """An array given from the pipeline's function is kept by content like any output."""
    numpy = pytest.importorskip("numpy")

    @step
    def total(values: Any) -> float:
        return float(values.sum())

    @pipeline
    def flow(n: int) -> None:
        total(numpy.arange(n))

    assert flow(4).step("total").output.load() == 6.0
    assert step_state(flow(4), "total") == "cached"
    assert flow(5).step("total").output.load() == 10.0


def test_one_value_given_twice_is_one_input_and_two_values_are_two() -> None:
    numpy = pytest.importorskip("numpy")

    @step
    def same(values: list[Any]) -> list[Any]:
        return [values[0] is values[1], float(values[2].sum())]

    @pipeline
    def flow() -> None:
        array = numpy.ones(3)
        same([array, array, numpy.zeros(3)])

    assert flow().step("same").output.load() == [True, 0.0]
