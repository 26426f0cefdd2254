"""How the training side behaves, apart from what a run is called.

One table, documented field by field.

Precedence: an argument of `init`, then `Settings`, then the environment variable, then the
default. W&B's names for the common settings are understood, so that scripts written for it run
unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from epochal.client import guard, lazy
from epochal.errors import InvalidInput

STOPS: Final = ("flag", "interrupt")
RANKS: Final = ("first", "shared", "each")
MODES: Final = ("online", "offline", "disabled")

Translation = tuple[str, Callable[[Any], Any]]


def _unless(value: Any) -> bool:
    return not value


def _same(value: Any) -> Any:
    return value


def _interval_unless(value: Any) -> float | None:
    return 0.0 if value else None


ALIASES: Final[Mapping[str, Translation]] = {
    "_disable_stats": ("system_interval", _interval_unless),
    "x_disable_stats": ("system_interval", _interval_unless),
    "_stats_sample_rate_seconds": ("system_interval", _same),
    "x_stats_sampling_interval": ("system_interval", _same),
    "disable_git": ("git", _unless),
    "_disable_meta": ("environment", _unless),
    "x_disable_meta": ("environment", _unless),
    "x_disable_machine_info": ("environment", _unless),
    "base_url": ("url", _same),
    "quiet": ("silent", _same),
    "root_dir": ("home", _same),
}
IGNORED: Final = frozenset(
    {"start_method", "init_timeout", "code_dir", "disable_code", "save_code", "show_info",
     "show_warnings", "show_errors", "anonymous", "sync_tensorboard", "x_label", "x_primary",
     "x_update_finish_state", "finish_timeout", "http_proxy", "https_proxy",
     "max_end_of_run_history_metrics"}
)  # fmt: skip


class Settings:
    """Behavior of the tracker in this process.

    Args:
        console: capture stdout and stderr. W&B's ``"off"`` and its other words are understood.
        system_interval: seconds between two readings of CPU, memory, disk, network and GPU; 0
            turns them off.
        git: record the commit and the uncommitted changes.
        environment: record host, Python, command line and installed packages.
        silent: print nothing at start and finish (``EPOCHAL_SILENT``).
        exit_timeout: seconds that `finish` and the end of the process may take for sending.
        url: server to send to, such as ``https://epochal.example.com`` (``EPOCHAL_URL``).
        api_key: credential for ``url`` (``EPOCHAL_API_KEY``).
        home: the directory that holds the journals (``EPOCHAL_HOME``).
        mode: ``"online"``, ``"offline"`` or ``"disabled"`` (``EPOCHAL_MODE``).
        ranks: what the processes of a distributed job do: ``"first"``: rank 0 logs and the others
            stay
            quiet; ``"shared"``: all log to one run; ``"each"``: one run per rank, in one group.
        shared: short for ``ranks="shared"``.
        rotate_bytes: size at which the journal goes on in a new file.
        stop: what happens when somebody asks the run to stop: ``"flag"``: ``run.should_stop``
            becomes true and the program decides; ``"interrupt"``: the main thread gets Ctrl-C
            (``EPOCHAL_STOP``).
        redact: replace values whose key looks like a secret in config, command line and
            environment.
        unknown: W&B's settings: the common ones are translated, the others named in one warning.

    Raises:
        InvalidInput: a value has the wrong type.
    """

    def __init__(
        self,
        *,
        console: bool | str | None = None,
        system_interval: float | None = None,
        git: bool | None = None,
        environment: bool | None = None,
        silent: bool | str | None = None,
        exit_timeout: float | None = None,
        url: str | None = None,
        api_key: str | None = None,
        home: str | os.PathLike[str] | None = None,
        mode: str | None = None,
        ranks: str | None = None,
        shared: bool | None = None,
        rotate_bytes: int | None = None,
        redact: bool | None = None,
        stop: str | None = None,
        **unknown: Any,
    ) -> None:
        given = dict(locals())
        more = translate(unknown)
        for name in FIELDS:
            value = given[name] if given[name] is not None else more.get(name)
            setattr(self, name, None if value is None else FIELDS[name](name, value))
        if shared and ranks is None:
            self.ranks = "shared"

    console: bool | None
    system_interval: float | None
    git: bool | None
    environment: bool | None
    silent: bool | None
    exit_timeout: float | None
    url: str | None
    api_key: str | None
    home: str | None
    mode: str | None
    ranks: str | None
    rotate_bytes: int | None
    redact: bool | None
    stop: str | None

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in FIELDS}
        if shown["api_key"]:
            shown["api_key"] = "***"
        inner = ", ".join(
            f"{name}={value!r}" for name, value in shown.items() if value is not None
        )
        return f"Settings({inner})"


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("", "0", "false", "no", "off"):
            return False
        if name == "console" or word in ("1", "true", "yes", "on"):
            return True
    elif isinstance(value, (bool, int)):
        return bool(value)
    raise InvalidInput(f"setting {name} must be true or false, got {value!r:.80}")


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, (int, float)) and value >= 0:
        return float(value)
    raise InvalidInput(f"setting {name} must be a number of seconds >= 0, got {value!r:.80}")


def _count(name: str, value: Any) -> int:
    if isinstance(value, int) and value > 0:
        return value
    raise InvalidInput(f"setting {name} must be a positive whole number, got {value!r:.80}")


def _text(name: str, value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return str(os.fspath(value))
    raise InvalidInput(f"setting {name} must be a string, got {type(value).__name__}")


def _address(name: str, value: Any) -> str:
    text = _text(name, value).rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise InvalidInput(
            f"setting {name}: the server's address must start with http:// or https://, "
            f"got {text!r:.80}"
        )
    return text


def _choice(choices: tuple[str, ...]) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value in choices:
            return str(value)
        words = ", ".join(map(repr, choices))
        raise InvalidInput(f"{name} must be one of {words}, got {value!r:.80}")

    return check


def _mode(name: str, value: Any) -> str:
    """W&B's words for the modes, and ours."""
    words = {"dryrun": "offline", "run": "online", "shared": "online"}
    return _choice(MODES)(name, words.get(value, value) if isinstance(value, str) else value)


FIELDS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "console": _flag,
    "system_interval": _seconds,
    "git": _flag,
    "environment": _flag,
    "silent": _flag,
    "exit_timeout": _seconds,
    "url": _address,
    "api_key": _text,
    "home": _text,
    "mode": _mode,
    "ranks": _choice(RANKS),
    "rotate_bytes": _count,
    "redact": _flag,
    "stop": _choice(STOPS),
}
DEFAULTS: Final[Mapping[str, Any]] = {
    "console": True,
    "system_interval": 15.0,
    "git": True,
    "environment": True,
    "silent": False,
    "exit_timeout": 30.0,
    "mode": "online",
    "ranks": "first",
    "rotate_bytes": 256 * 1024 * 1024,
    "redact": True,
    "stop": "flag",
}
VARIABLES: Final[Mapping[str, str]] = {
    "silent": "EPOCHAL_SILENT",
    "url": "EPOCHAL_URL",
    "api_key": "EPOCHAL_API_KEY",
    "home": "EPOCHAL_HOME",
    "mode": "EPOCHAL_MODE",
    "stop": "EPOCHAL_STOP",
}


def translate(unknown: Mapping[str, Any]) -> dict[str, Any]:
    """Our settings for W&B's names; one warning for each name that means nothing here."""
    known: dict[str, Any] = {}
    for name, value in unknown.items():
        if name in ALIASES:
            target, change = ALIASES[name]
            known[target] = change(value)
        elif name not in IGNORED:
            close = lazy.nearest(name, [*FIELDS, *ALIASES])
            hint = f"; did you mean {close!r}?" if close else ""
            guard.warn_once(("setting", name), f"setting {name!r} is unknown and ignored{hint}")
    return known


def read_settings(
    given: Settings | Mapping[str, Any] | None,
    environment: Mapping[str, str],
    **arguments: Any,
) -> Settings:
    """The settings in force.

    Args:
        given: what `init` got as ``settings``.
        environment: environment variables.
        arguments: arguments of `init` that win over everything; None means not given.

    Returns:
        Settings in which only ``url``, ``api_key`` and ``home`` may be None.

    Raises:
        InvalidInput: a value has the wrong type, wherever it came from.
    """
    if isinstance(given, Mapping):
        given = Settings(**{str(key): value for key, value in given.items()})
    elif given is None:
        given = Settings()
    elif not isinstance(given, Settings):
        raise InvalidInput(
            f"settings must be epochal.Settings(...) or a dict, got {type(given).__name__}"
        )
    final = Settings()
    for name, check in FIELDS.items():
        value = arguments.get(name)
        if value is None:
            value = getattr(given, name)
        if value is None and environment.get(VARIABLES.get(name, "")):
            value = environment[VARIABLES[name]]
        if value is None:
            value = DEFAULTS.get(name)
        setattr(final, name, None if value is None else check(name, value))
    return final
