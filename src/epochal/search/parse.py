"""From W&B's configuration of a sweep, a dict or a YAML text, to a `SweepConfig`.

Strict: what is not known is refused with its place and the nearest right word, so that a typing
error never searches something else for a night.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, cast

from epochal.domain.names import MAX_KEY, MAX_TEXT, check_name
from epochal.errors import InvalidInput
from epochal.search.config import DEFAULT_COMMAND, Method, Metric, SweepConfig
from epochal.search.grid import grid_size
from epochal.search.parameters import read_parameters
from epochal.search.places import Lines, Path, Places, check_plain, nearest, read_yaml
from epochal.search.stopping import read_stopping

METHODS: Final = ("grid", "random", "bayes")
SAMPLERS: Final = ("auto", "tpe", "gp", "cma-es", "qmc", "nsga-ii", "random")
FOR_ALL: Final = ("auto", "tpe", "nsga-ii", "random")
"""Samplers that bear conditions and parameters that nobody named before."""
FOR_SEVERAL: Final = ("auto", "tpe", "gp", "qmc", "nsga-ii", "random")
MAX_OBJECTIVES: Final = 8
GOALS: Final = ("minimize", "maximize")
KEYS: Final = (
    "method", "parameters", "metric", "early_terminate", "run_cap", "command", "program", "name",
    "description", "project", "entity", "sampler", "seed", "controller", "define_by_run",
)  # fmt: skip
MACROS: Final = (
    "env", "interpreter", "program", "args", "args_no_hyphens", "args_no_boolean_flags",
    "args_json", "args_json_file",
)  # fmt: skip
MAX_GRID: Final = 1_000_000
MAX_CAP: Final = 10_000_000


def read_sweep(given: object) -> SweepConfig:
    """Read a configuration.

    Args:
        given: a mapping, or a text in YAML or JSON.

    Raises:
        InvalidInput: something in it cannot be used; the message names the place.
        MissingExtra: it is a text, and PyYAML is not installed.
    """
    lines: Lines = {}
    if isinstance(given, str):
        given, lines = read_yaml(given)
    places = Places(lines)
    if not isinstance(given, Mapping):
        places.refuse((), f"it must be a mapping, got {type(given).__name__}")
    for key, value in given.items():
        check_plain(value, (str(key),), places)
        if key not in KEYS:
            places.refuse(
                (str(key),), f"unknown key{nearest(key, KEYS)}; known: {', '.join(KEYS)}"
            )
    return _assemble(given, places)


def _assemble(given: Mapping[str, Any], places: Places) -> SweepConfig:
    if "method" not in given:
        places.refuse((), f"it has no method; give one of {', '.join(METHODS)}")
    method = cast("Method", places.choice(("method",), given["method"], METHODS, "method"))
    by_run = _by_run(given, method, places)
    parameters = () if by_run else read_parameters(given.get("parameters"), places)
    metrics = _metrics(given.get("metric"), places)
    metric = metrics[0] if metrics else None
    stopping = read_stopping(given.get("early_terminate"), places)
    if stopping is not None and len(metrics) > 1:
        places.refuse(("early_terminate",), "trials of several objectives cannot be ended early")
    if metric is None and (method == "bayes" or stopping is not None):
        what = "bayes" if method == "bayes" else "early_terminate"
        places.refuse((), f"{what} needs a metric; write metric: {{name: ..., goal: minimize}}")
    sampler, options = _sampler(given.get("sampler"), method, places)
    program = _text(given, "program", places)
    config = SweepConfig(
        method=method,
        parameters=parameters,
        metric=metric,
        others=metrics[1:],
        stopping=stopping,
        run_cap=_whole(given, "run_cap", places, 1, MAX_CAP),
        command=_command(given.get("command"), program, places),
        program=program,
        name=_text(given, "name", places),
        description=_text(given, "description", places),
        project=_name(given, "project", places),
        entity=_name(given, "entity", places),
        sampler=sampler,
        options=options,
        seed=_whole(given, "seed", places, 0, 2**63 - 1),
        by_run=by_run,
    )
    _check_sampler(config, places)
    if method == "grid":
        _check_grid(config, places)
    _check_controller(given.get("controller"), places)
    return config


def _by_run(given: Mapping[str, Any], method: str, places: Places) -> bool:
    value = given.get("define_by_run", False)
    if not isinstance(value, bool):
        places.refuse(("define_by_run",), f"it must be true or false, got {value!r:.80}")
    if value and method == "grid":
        places.refuse(("define_by_run",), "a grid needs its parameters; write method: random")
    if value and given.get("parameters"):
        places.refuse(
            ("parameters",), "with define_by_run the function names them; leave one of both out"
        )
    return value


def _metrics(given: Any, places: Places) -> tuple[Metric, ...]:
    """One objective, or a list of several."""
    if given is None:
        return ()
    if not isinstance(given, list | tuple):
        return (_metric(given, ("metric",), places),)
    if not 0 < len(given) <= MAX_OBJECTIVES:
        places.refuse(("metric",), f"from 1 to {MAX_OBJECTIVES} objectives go, got {len(given)}")
    found = tuple(_metric(one, ("metric", n), places) for n, one in enumerate(given))
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        places.refuse(("metric",), f"an objective stands here twice: {', '.join(names)}")
    if len(found) > 1 and any(one.target is not None for one in found):
        places.refuse(("metric",), "target goes with a single objective only; use run_cap")
    return found


def _check_sampler(config: SweepConfig, places: Places) -> None:
    """See that the sampler bears what the configuration asks for."""
    name = config.sampler
    if len(config.objectives) > 1 and name not in FOR_SEVERAL:
        places.refuse(
            ("sampler",),
            f"{name} knows one objective, here are {len(config.objectives)}; "
            f"take one of {', '.join(FOR_SEVERAL)}",
        )
    if (config.conditional or config.by_run) and name not in FOR_ALL:
        what = "define_by_run" if config.by_run else "parameters with when"
        places.refuse(
            ("sampler",), f"{name} does not go with {what}; take one of {', '.join(FOR_ALL)}"
        )


def _metric(given: Any, path: Path, places: Places) -> Metric:
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping):
        places.refuse(path, f"it must be a mapping with name and goal, got {given!r:.80}")
    for key in given:
        places.choice((*path, str(key)), key, ("name", "goal", "target"), "key")
    name = given.get("name")
    if not isinstance(name, str) or not name or len(name) > MAX_KEY:
        places.refuse((*path, "name"), f"it must name a logged value, got {name!r:.80}")
    goal = places.choice((*path, "goal"), given.get("goal", "minimize"), GOALS, "goal")
    target = given.get("target")
    if target is not None and not _is_number(target):
        places.refuse((*path, "target"), f"it must be a number, got {target!r:.80}")
    return Metric(name, cast("Any", goal), None if target is None else float(target))


def _sampler(given: Any, method: str, places: Places) -> tuple[str, dict[str, Any]]:
    if given is None:
        return "auto", {}
    if method != "bayes":
        places.refuse(("sampler",), f"only method bayes has one, the method is {method}")
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping) or "name" not in given:
        places.refuse(("sampler",), f"it must be one of {', '.join(SAMPLERS)}, got {given!r:.80}")
    name = places.choice(("sampler", "name"), given["name"], SAMPLERS, "sampler")
    if name == "auto" and len(given) > 1:
        places.refuse(("sampler",), "auto takes no options; name the sampler that they are for")
    return name, {str(key): value for key, value in given.items() if key != "name"}


def _command(given: Any, program: str, places: Places) -> tuple[str, ...]:
    if given is None:
        return DEFAULT_COMMAND
    if isinstance(given, str) or not isinstance(given, list | tuple) or not given:
        places.refuse(("command",), f"it must be a list of words, got {given!r:.80}")
    words = tuple(str(word) for word in given)
    for index, word in enumerate(words):
        if word.startswith("${") and word.endswith("}"):
            macro = word[2:-1]
            if macro not in MACROS and not macro.startswith("envvar:"):
                places.choice(("command", index), macro, MACROS, "macro")
            if macro == "program" and not program:
                places.refuse(("command", index), "it names a program; write program: train.py")
    return words


def _check_grid(config: SweepConfig, places: Places) -> None:
    try:
        size = grid_size(config)
    except InvalidInput as error:
        places.refuse(("parameters",), error.message)
    if size > MAX_GRID and config.run_cap is None:
        places.refuse(
            ("parameters",),
            f"the grid has {size:,} points, more than {MAX_GRID:,}; give fewer values, "
            f"a run_cap, or method: random",
        )


def _check_controller(given: Any, places: Places) -> None:
    kind = given.get("type") if isinstance(given, Mapping) else given
    if kind not in (None, "cloud"):
        places.refuse(("controller",), "here the server chooses; leave it out")


def _text(given: Mapping[str, Any], key: str, places: Places) -> str:
    value = given.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        places.refuse((key,), f"it must be a text, got {value!r:.80}")
    return value


def _name(given: Mapping[str, Any], key: str, places: Places) -> str | None:
    if given.get(key) is None:
        return None
    try:
        return check_name(given[key], f"{key} name")
    except InvalidInput as error:
        places.refuse((key,), error.message)


def _whole(given: Mapping[str, Any], key: str, places: Places, low: int, high: int) -> int | None:
    value = given.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        places.refuse(
            (key,), f"it must be a whole number from {low} to {high:,}, got {value!r:.80}"
        )
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
