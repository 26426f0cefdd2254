"""Hyperparameters: what ``add_hparams`` and Keras write into a tag's metadata. Pure.

Field numbers: TensorBoard, ``plugins/hparams/plugin_data.proto`` and ``api.proto``; values are
``google.protobuf.Value``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from epochal.imports.tensorboard.wire import Malformed, Message

PLUGIN: Final = "hparams"
PREFIX: Final = "_hparams_/"
EXPERIMENT: Final = PREFIX + "experiment"
_STATES: Final = {1: "finished", 2: "failed"}
_DEPTH: Final = 32


class Session(msgspec.Struct, frozen=True):
    """What one record of the plugin says.

    Attributes:
        config: hyperparameters by name; whole numbers as int.
        more: address of the model and such, where given.
        experiment: a serialized description of the whole experiment, or None.
        ending: the state in which the session ended, or None.
    """

    config: dict[str, Any] = {}
    more: dict[str, str] = {}
    experiment: bytes | None = None
    ending: str | None = None


def read_session(content: bytes) -> Session:
    """Decode the content of the plugin's metadata.

    Raises:
        Malformed: it is no such message.
    """
    message = Message(content)
    start = message.data(3)
    end = message.data(4)
    ending = _STATES.get(Message(end).unsigned(1)) if end is not None else None
    if start is None:
        return Session(experiment=message.data(2), ending=ending)
    info = Message(start)
    config = {}
    for entry in info.every(1):
        pair = Message(entry)
        config[pair.text(1)] = _read_value(pair.data(2) or b"", 0)
    names = {2: "model_uri", 3: "monitor_url", 4: "group_name"}
    more = {name: info.text(number) for number, name in names.items() if info.text(number)}
    return Session(config, more, message.data(2), ending)


def _read_value(data: bytes, depth: int) -> Any:
    if depth > _DEPTH:
        raise Malformed("a value is nested too deeply")
    message = Message(data)
    for number, _, value in reversed(message.fields):
        if number == 2:
            found = message.double(2)
            return int(found) if found.is_integer() and abs(found) < 2**53 else found
        if number == 3:
            return message.text(3)
        if number == 4:
            return bool(value)
        if number == 5 and isinstance(value, bytes):
            pairs = [Message(entry) for entry in Message(value).every(1)]
            return {pair.text(1): _read_value(pair.data(2) or b"", depth + 1) for pair in pairs}
        if number == 6 and isinstance(value, bytes):
            return [_read_value(item, depth + 1) for item in Message(value).every(1)]
    return None
