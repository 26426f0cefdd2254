"""What a call of `init` asks for, checked before anything is created.

Everything here is decided from arguments, settings and environment variables alone: no file is
touched. Wrong types of the names raise `InvalidInput`; unknown arguments are named in one warning,
so that W&B scripts run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from epochal.client import guard, lazy
from epochal.client.plain import to_mapping
from epochal.client.ranks import Rank, job_id, read_rank
from epochal.client.settings import Settings, read_settings
from epochal.client.trial import Trial, merge, read_trial
from epochal.domain.names import (
    DEFAULT_ENTITY,
    DEFAULT_PROJECT,
    MAX_TAG,
    MAX_TEXT,
    check_name,
    check_run_id,
)
from epochal.errors import InvalidInput

RESUMES = ("allow", "must", "never", "auto")
REINITS = ("default", "return_previous", "finish_previous", "create_new")
IGNORED = frozenset(
    {"force", "anonymous", "monitor_gym", "save_code", "allow_val_change", "magic", "tensorboard",
     "config_defaults", "fork_from"}
)  # fmt: skip
KNOWN = (
    "project", "entity", "name", "config", "id", "resume", "group", "job_type", "tags", "notes",
    "mode", "dir", "settings", "reinit",
    "config_exclude_keys", "config_include_keys", "resume_from", "sync_tensorboard",
)  # fmt: skip


class RunRequest(msgspec.Struct, frozen=True):
    """A checked call of `init`.

    ``cut`` hides steps from there on; ``id`` None asks for a new one; ``trial`` is the one of a
    sweep that this run will be.
    """

    project: str
    entity: str
    id: str | None
    name: str | None
    config: dict[str, Any]
    resume: str | None
    cut: int | None
    attributes: dict[str, Any]
    reinit: str
    directory: str | None
    settings: Settings
    rank: Rank
    mode: str
    sync_tensorboard: bool = False
    trial: Trial | None = None

    @property
    def records(self) -> bool:
        """Whether this process writes a journal: not when disabled, nor on a quiet rank."""
        quiet = self.settings.ranks == "first" and self.rank.rank > 0
        return self.mode != "disabled" and not quiet

    @property
    def shared(self) -> bool:
        """Whether several processes write to this run."""
        return self.settings.ranks == "shared"

    @property
    def primary(self) -> bool:
        """Whether this process decides the state of the run."""
        return not (self.shared and self.rank.rank > 0)


def read_request(given: Mapping[str, Any], environment: Mapping[str, str]) -> RunRequest:
    """Check the arguments of `init`.

    Args:
        given: the arguments by name; None stands for "not given".
        environment: environment variables.

    Raises:
        InvalidInput: an argument cannot be used; the message names it.
    """
    _name_unknown(given)
    settings = read_settings(given.get("settings"), environment, mode=given.get("mode"))
    rank = read_rank(environment)
    trial = read_trial(environment)
    if trial is not None:
        given = _as_trial(given, trial)
    project = given.get("project") or environment.get("EPOCHAL_PROJECT") or DEFAULT_PROJECT
    entity = given.get("entity") or environment.get("EPOCHAL_ENTITY") or DEFAULT_ENTITY
    run_id, cut = _read_resume_from(given.get("resume_from"))
    run_id = run_id or given.get("id") or environment.get("EPOCHAL_RUN_ID") or None
    resume = "must" if cut is not None else _read_resume(given.get("resume"))
    if isinstance(resume, str) and resume not in RESUMES:
        run_id, resume = run_id or resume, "allow"
    request_id = None if run_id is None else check_run_id(run_id)
    name = given.get("name")
    return RunRequest(
        project=check_name(project, "project name"),
        entity=check_name(entity, "entity name"),
        id=_id_of_rank(request_id, settings, rank, environment),
        name=None if name is None else check_name(name, "run name"),
        config=merge(_read_config(given), trial.config if trial else {}),
        resume=resume,
        cut=cut,
        attributes=_read_attributes(given, settings, rank, request_id, environment),
        reinit=_read_reinit(given.get("reinit")),
        directory=_read_directory(given.get("dir")),
        settings=settings,
        rank=rank,
        mode=settings.mode or "online",
        sync_tensorboard=bool(given.get("sync_tensorboard") or given.get("tensorboard")),
        trial=trial,
    )


def _as_trial(given: Mapping[str, Any], trial: Trial) -> dict[str, Any]:
    """The arguments with those of the sweep, which decides where its runs go."""
    ours = {"project": trial.project, "entity": trial.entity, "id": trial.run}
    return {**given, **ours, "resume": None, "resume_from": None}


def _name_unknown(given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in KNOWN and name not in IGNORED:
            close = lazy.nearest(name, list(KNOWN))
            hint = f"; did you mean {close!r}?" if close else ""
            guard.warn_once(("init", name), f"init() ignores the unknown argument {name!r}{hint}")


def _read_resume(value: object) -> str | None:
    """None, one of `RESUMES`, or a run id (W&B accepts one here)."""
    if value is None or value is False:
        return None
    if value is True:
        return "auto"
    if isinstance(value, str) and value:
        return value
    raise InvalidInput(
        f"resume must be one of {', '.join(RESUMES)}, True or False, got {value!r:.80}"
    )


def _read_resume_from(value: object) -> tuple[str | None, int | None]:
    """``"id?_step=N"`` as the id and N."""
    if value is None:
        return None, None
    text = value if isinstance(value, str) else ""
    run_id, mark, step = text.partition("?_step=")
    if not run_id or not mark or not step.isdecimal():
        raise InvalidInput(f"resume_from must look like 'run-id?_step=100', got {value!r:.80}")
    return run_id, int(step)


def _read_reinit(value: object) -> str:
    if value is None or value is False or value == "default":
        return "default"
    if value is True:
        return "finish_previous"
    if value in REINITS:
        return str(value)
    raise InvalidInput(
        f"reinit must be one of {', '.join(REINITS)}, True or False, got {value!r:.80}"
    )


def _read_directory(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        return str(value)
    raise InvalidInput(f"dir must be a path, got {type(value).__name__}")


def _read_config(given: Mapping[str, Any]) -> dict[str, Any]:
    config = to_mapping(given.get("config"), "config")
    include = given.get("config_include_keys")
    exclude = given.get("config_exclude_keys") or ()
    return {
        key: value
        for key, value in config.items()
        if (include is None or key in include) and key not in exclude
    }


def _read_attributes(
    given: Mapping[str, Any],
    settings: Settings,
    rank: Rank,
    run_id: str | None,
    environment: Mapping[str, str],
) -> dict[str, Any]:
    trial = read_trial(environment)
    attributes: dict[str, Any] = {} if trial is None else {"sweep": trial.sweep}
    for name in ("group", "job_type"):
        if given.get(name) is not None:
            attributes[name] = check_name(given[name], name.replace("_", " "))
    if settings.ranks == "each" and rank.launcher and "group" not in attributes:
        group = run_id or guard.attempt(lambda: job_id(environment), default="")
        if group:  # machines that share no word have no group
            attributes["group"] = check_name(group, "group")
    if given.get("tags") is not None:
        attributes["tags"] = read_tags(given["tags"])
    if given.get("notes") is not None:
        attributes["notes"] = read_notes(given["notes"])
    return attributes


def _id_of_rank(
    run_id: str | None, settings: Settings, rank: Rank, environment: Mapping[str, str]
) -> str | None:
    if settings.ranks == "each" and run_id is not None and rank.launcher:
        return f"{run_id}-rank{rank.rank}"
    if settings.ranks == "shared" and run_id is None and rank.launcher:
        return check_run_id(job_id(environment))
    return run_id


def read_tags(value: object) -> list[str]:
    """Checked tags without repetition, in order.

    Raises:
        InvalidInput: no list of strings, or a tag that is too long or unprintable.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise InvalidInput(
            f"tags must be a list of strings, got {value!r:.80}; write [{value!r:.80}]"
        )
    return list(dict.fromkeys(check_name(tag, "tag", MAX_TAG) for tag in value))


def read_notes(value: object) -> str:
    """Checked notes.

    Raises:
        InvalidInput: no string, or too long.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"notes must be a string, got {type(value).__name__}")
    if len(value) > MAX_TEXT:
        raise InvalidInput(f"notes have {len(value)} characters, the limit is {MAX_TEXT}")
    return value.encode("utf-8", "replace").decode()
