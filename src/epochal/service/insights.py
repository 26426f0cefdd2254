"""What a run shows by itself; computed when somebody asks, never while points come in.

The cost is bounded: at most `MAX_KEYS` series, each reduced to a few hundred stretches, a few
thousand records of gradients and the configs of two hundred runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.health import SEVERITY, Diagnosis, State, diagnose, layer_of
from epochal.domain.insight import (
    Insight,
    InsightReport,
    InsightSettings,
    Kind,
    ranked,
    steps_text,
)
from epochal.domain.names import SYSTEM_PREFIX, check_uid
from epochal.domain.peers import find_difference
from epochal.domain.run import RunState
from epochal.domain.silence import find_stall
from epochal.domain.throughput import CPU, GPU, find_idle, find_waiting, is_time
from epochal.domain.trends import (
    find_bad_values,
    find_overfit,
    find_plateau,
    find_spike,
    is_gain,
    is_loss,
)
from epochal.domain.values import flatten
from epochal.domain.view import RunDetail
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import insights as stored
from epochal.store import runs
from epochal.store.lastwords import newest_point_us
from epochal.store.owner import Store
from epochal.store.preferences import name_of_run, read_preference, write_preference

MAX_KEYS: Final = 64
MAX_OF_A_KIND: Final = 3
"""Findings of one kind that are told; a run with fifty spiking losses has one problem."""
PREFERENCE: Final = "insights.off"

_decode = msgspec.msgpack.Decoder(list[str]).decode


def run_insights(store: Store, principal: Principal | None, uid: str) -> InsightReport:
    """The findings of a run, worst first.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    detail = runs.get_run(store, check_uid(uid))
    place = detail.entity, detail.project
    off, off_here = _read_off(store, *place), _read_off(store, *place, uid)
    lines = stored.read_lines(store, uid, _keys(detail))
    found = [
        *find_bad_values(detail.metrics, lines),
        *_silence(store, detail),
        *_few(find_spike(line) for line in lines if is_loss(line.key)),
        *find_overfit(lines)[:MAX_OF_A_KIND],
        *_few(find_plateau(line) for line in lines if is_loss(line.key)),
        *find_idle(lines),
        *find_waiting(lines),
        *_layers(store, uid),
        *_difference(store, uid, detail),
    ]
    told = [one for one in ranked(found) if one.kind not in off and one.kind not in off_here]
    return InsightReport(told, off, off_here)


def get_settings(
    store: Store, principal: Principal | None, entity: str | None, project: str
) -> InsightSettings:
    """Which kinds are switched off in a project."""
    require(principal, Permission.READ)
    place = bounds.entity_name(entity), bounds.project_name(project)
    return InsightSettings(_read_off(store, *place))


def change_settings(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    settings: InsightSettings,
) -> InsightSettings:
    """Switch kinds off, and all others on."""
    require(principal, Permission.WRITE)
    place = bounds.entity_name(entity), bounds.project_name(project)
    return _write_off(store, *place, PREFERENCE, settings)


def change_run_settings(
    store: Store, principal: Principal | None, uid: str, settings: InsightSettings
) -> InsightSettings:
    """Switch kinds off for one run, and all others on; what its project says holds as well.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.WRITE)
    detail = runs.get_run(store, check_uid(uid))
    name = name_of_run(PREFERENCE, uid)
    return _write_off(store, detail.entity, detail.project, name, settings)


def _write_off(
    store: Store, entity: str, project: str, name: str, settings: InsightSettings
) -> InsightSettings:
    off = [kind for kind in Kind if kind in settings.off]
    write_preference(store, entity, project, name, msgspec.msgpack.encode(off))
    return InsightSettings(off)


def _read_off(store: Store, entity: str, project: str, uid: str = "") -> list[Kind]:
    """Kinds of newer versions are left out."""
    name = name_of_run(PREFERENCE, uid) if uid else PREFERENCE
    known = read_preference(store, entity, project, name)
    names = _decode(known) if known is not None else []
    return [kind for kind in Kind if kind in names]


def _keys(detail: RunDetail) -> list[str]:
    """The series that are looked at: losses first, then what else has a say."""
    names = [one.key for one in detail.metrics]
    infinite = [one.key for one in detail.metrics if one.n_inf]
    machine = [name for name in names if name == CPU or GPU.fullmatch(name)]
    judged = [name for test in (is_loss, is_gain, is_time) for name in names if test(name)]
    half = MAX_KEYS // 4
    chosen = dict.fromkeys([*infinite[:half], *machine[:half], *judged])
    return list(chosen)[:MAX_KEYS]


def _few(found: Iterable[Insight | None]) -> list[Insight]:
    return [one for one in found if one is not None][:MAX_OF_A_KIND]


def _layers(store: Store, uid: str) -> list[Insight]:
    """Layers whose gradients are dead, exploding or no numbers, the worst state of all."""
    records = stored.read_gradients(store, uid)
    found = diagnose(records)
    worst = max((one.worst for one in found.values()), key=SEVERITY.__getitem__, default=State.OK)
    if SEVERITY[worst] < SEVERITY[State.DEAD]:
        return []
    same = {key: one for key, one in found.items() if one.worst is worst}
    key = _culprit(same, found, worst)
    first = same[key]
    step = first.first[worst]
    layer = layer_of(key.removeprefix(stored.GRADIENTS))
    others = f", as are {len(same) - 1} more parameters" if len(same) > 1 else ""
    word = {State.NAN: "NaN", State.INF: "infinite"}.get(worst, worst.value)
    return [Insight(
        kind=Kind.LAYER, severity="warning" if worst is State.DEAD else "error",
        title=f"Layer {layer} is {word} from step {steps_text(step)}",
        text=f"The gradients of {key.removeprefix(stored.GRADIENTS)} are {word} at step "
        f"{steps_text(step)} for the first time{others}; {len(found)} were looked at.",
        key=key, lo=step, hi=first.steps[-1], place="gradients",
        numbers={"parameters": len(same), "of": len(found)},
    )]  # fmt: skip


def _culprit(same: dict[str, Diagnosis], found: dict[str, Diagnosis], worst: State) -> str:
    """The parameter to look at: the first one; of dead ones in the last layer that is all dead.

    Gradients come from the end of the model, so that a layer which lets none through kills all
    before it, and what it gives, the weights of the next one.
    """
    begin = min(one.first[worst] for one in same.values())
    first = [key for key, one in same.items() if one.first[worst] == begin]
    alive = {layer_of(key) for key in found if key not in same}
    whole = [key for key in first if layer_of(key) not in alive]
    if worst is not State.DEAD or not whole:
        return first[0]
    return next(key for key in whole if layer_of(key) == layer_of(whole[-1]))


def _silence(store: Store, detail: RunDetail) -> list[Insight]:
    """A run that is running and has long said nothing."""
    metrics = [one for one in detail.metrics if not one.key.startswith(SYSTEM_PREFIX)]
    newest = newest_point_us(store, detail.uid) if detail.state is RunState.RUNNING else None
    if newest is None or not metrics:
        return []
    most = max(metrics, key=lambda one: one.count)
    return find_stall(
        key=most.key, points=most.count, step=most.last_step or 0, began_us=detail.created_us,
        newest_us=newest, now_us=time.time_ns() // 1000,
    )  # fmt: skip


def _difference(store: Store, uid: str, detail: RunDetail) -> list[Insight]:
    group, mine, others = stored.read_peers(store, uid)
    name = f"group {group}" if group else f"project {detail.project}"
    return find_difference(dict(flatten(mine)), [dict(flatten(config)) for config in others], name)
