"""`pipeline`: a plain function that calls steps. Calling it runs them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, overload

import msgspec

from epochal.domain.names import check_name
from epochal.errors import InvalidInput
from epochal.journal.home import find_home
from epochal.pipelines import ledger
from epochal.pipelines.calls import read_argument
from epochal.pipelines.configuring import Configuration, read_configuration
from epochal.pipelines.driving import Call, drive
from epochal.pipelines.engine import current_engine
from epochal.pipelines.named import Defined, is_opening, name_of, script_of
from epochal.pipelines.options import PipelineOptions, read_pipeline_options
from epochal.pipelines.outputs import hints_of
from epochal.pipelines.planning import PlannedStep, make_plan
from epochal.pipelines.report import PipelineRun, get_runs
from epochal.pipelines.signature import convert


class Pipeline:
    """A pipeline. Made by `pipeline`.

    Attributes:
        function: the user's function.
        options: how it runs.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        options: PipelineOptions,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        if not inspect.isfunction(function):
            raise InvalidInput(f"a pipeline is a plain function, got a {type(function).__name__}")
        self.function = function
        self.options = options
        self._hints = hints_of(function)
        self._signature = inspect.signature(function)
        self._given = dict(given or {})
        functools.update_wrapper(self, function)

    @property
    def name(self) -> str:
        """Its name, and that of the project of its runs."""
        return self.options.name or self.function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it; inside of another pipeline its steps become that one's.

        Returns:
            The report; inside of another pipeline what the function returns.

        Raises:
            StepFailed: a step failed; the error's ``run`` is the report.
            InvalidInput: the arguments do not fit.
        """
        if current_engine.get() is not None:
            return self.function(*args, **kwargs)
        return self.run_plainly(args, kwargs)

    def run_plainly(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> PipelineRun:
        """Run it with these arguments; a script that is read for its definitions ends here."""
        if is_opening():
            raise Defined
        return drive(self._call(args, kwargs))

    def resume(self, run_id: str) -> PipelineRun:
        """Run again with the arguments of an earlier run, taking over what it finished.

        Raises:
            NotFound: there is no such run.
            Conflict: it is still running, or is being resumed.
            InvalidInput: it is of another pipeline, or its arguments were not written down.
            StepFailed: a step failed.
        """
        began = ledger.first(ledger.find(find_home(), run_id))
        if began is None or began.pipeline != self.name:
            owner = "nothing" if began is None else repr(began.pipeline)
            raise InvalidInput(f"run {run_id} is of {owner}, and this is pipeline {self.name!r}")
        if began.parameters is None:
            raise InvalidInput(
                f"the arguments of run {run_id} could not be written down; call the pipeline with "
                f"them again, and what it finished is taken from the cache"
            )
        kwargs = {name: read_argument(node) for name, node in began.parameters.items()}
        call = self._call((), kwargs)
        return drive(msgspec.structs.replace(call, resumed_from=run_id))

    def plan(self, *args: Any, **kwargs: Any) -> list[PlannedStep]:
        """What a run with these arguments would do, without doing it."""
        call = self._call(args, kwargs)
        return make_plan(call.body, call.options, self.name)

    def with_options(self, **options: Any) -> Pipeline:
        """The same pipeline with other options.

        See `epochal.pipelines.options.PipelineOptions`.

        Raises:
            InvalidInput: there is no such option.
        """
        changed = read_pipeline_options(self.options, options)
        return type(self)(self.function, changed, self._given)

    def with_parameters(self, given: Mapping[str, Any]) -> Pipeline:
        """The same pipeline with parameters as texts, as they come from a command line.

        Raises:
            InvalidInput: it has no such parameter.
        """
        return type(self)(self.function, self.options, {**self._given, **given})

    def runs(self) -> list[PipelineRun]:
        """Its runs in the current home, newest first."""
        return get_runs(self.name, unlisted=True)

    def __repr__(self) -> str:
        return f"<pipeline {self.name!r}>"

    def _call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        check_name(self.name, "pipeline name")
        configuration = read_configuration(self.options.config)
        arguments = self._bind(args, kwargs, configuration)
        bound = inspect.BoundArguments(self._signature, arguments)
        try:
            target = name_of(self.function)
        except InvalidInput:
            target = ""
        return Call(
            name=self.name,
            body=lambda: self.function(*bound.args, **bound.kwargs),
            parameters=dict(arguments),
            options=msgspec.structs.replace(self.options, config=configuration),
            target=target,
            script=script_of(self.function),
        )

    def _bind(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], configuration: Configuration
    ) -> dict[str, Any]:
        try:
            bound = self._signature.bind_partial(*args, **kwargs)
        except TypeError as error:
            raise InvalidInput(
                f"pipeline {self.name!r} cannot be called like this: {error}"
            ) from None
        for name, value in {**configuration.parameters, **self._given}.items():
            if name not in self._signature.parameters:
                known = ", ".join(self._signature.parameters) or "none"
                raise InvalidInput(
                    f"pipeline {self.name!r} has no parameter {name!r}; it has {known}"
                )
            if name not in bound.arguments:
                bound.arguments[name] = convert(value, self._hints.get(name), name)
        try:
            self._signature.bind(*bound.args, **bound.kwargs)
        except TypeError as error:
            raise InvalidInput(
                f"pipeline {self.name!r} cannot be called like this: {error}"
            ) from None
        bound.apply_defaults()
        return dict(bound.arguments)


@overload
def pipeline(function: Callable[..., Any], /) -> Pipeline: ...
@overload
def pipeline(**options: Any) -> Callable[[Callable[..., Any]], Pipeline]: ...
def pipeline(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a pipeline of a function that calls steps.

    Args:
        function: a plain function. Steps give futures inside of it; pass them on, or call
            ``.load()`` where Python needs the value.
        options: see `epochal.pipelines.options.PipelineOptions`: ``cache``, ``on_error``,
            ``parallel``, ``resources``, ``config``, ``name``, ...

    Raises:
        InvalidInput: an option cannot be.

    Example:
        >>> @pipeline
        ... def train(lr: float = 0.1):
        ...     data = load_data()
        ...     return fit(data, lr)
        >>> run = train(lr=0.2)
        >>> run.step("fit").output.load()
    """
    chosen = read_pipeline_options(PipelineOptions(), options)
    if function is not None:
        return Pipeline(function, chosen)
    return lambda each: Pipeline(each, chosen)
