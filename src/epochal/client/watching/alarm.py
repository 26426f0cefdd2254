"""Warns of layers that go bad, once per layer and kind of trouble.

One event per record names all layers that turned bad in it, so that a NaN that floods a network
is one line, not a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.domain.health import History, State, layer_of, rms
from epochal.domain.record import Event

ALARMING = (State.NAN, State.INF, State.EXPLODING)
WORDS = {State.NAN: "NaN", State.INF: "Infinity", State.EXPLODING: "Explosion"}
NAMED = 3


class Alarm:
    """Listens to the statistics of one kind of tensor of one model.

    Args:
        kind: ``gradients`` or ``parameters``.
        quiet: states not to warn of.
    """

    def __init__(self, kind: str, quiet: frozenset[State] = frozenset()) -> None:
        self._kind = kind
        self._quiet = quiet
        self._histories: dict[str, History] = {}
        self._told: set[tuple[State, str]] = set()

    def hear(self, step: int, wall_us: int, stats: Mapping[str, Mapping[str, Any]]) -> list[Event]:
        """Judge one record.

        Args:
            step: its step.
            wall_us: its time.
            stats: statistics by parameter.

        Returns:
            At most one warning for each kind of trouble.
        """
        strongest = max(map(rms, stats.values()), default=0.0)
        fresh: dict[State, list[str]] = {}
        for parameter, figures in stats.items():
            history = self._histories.get(parameter)
            if history is None:
                history = History(gradients=self._kind == "gradients")
                self._histories[parameter] = history
            state, layer = history.add(step, figures, strongest), layer_of(parameter)
            if state in ALARMING and state not in self._quiet and (state, layer) not in self._told:
                self._told.add((state, layer))
                fresh.setdefault(state, []).append(layer)
        return [self._event(state, fresh[state], step, wall_us) for state in fresh]

    def _event(self, state: State, layers: list[str], step: int, wall_us: int) -> Event:
        names = ", ".join(layers[:NAMED])
        if len(layers) > NAMED:
            names += f" and {len(layers) - NAMED} more layers"
        title = f"{WORDS[state]} in the {self._kind} of {names} at step {step}"
        more = "\n".join(layers)[:65_536] if len(layers) > NAMED or len(title) > 1024 else ""
        return Event(wall_us, "warning", title[:1024], more)
