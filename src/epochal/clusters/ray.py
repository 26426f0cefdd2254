"""The connection to a cluster of Ray that is there already.

Epochal connects and starts none: to the cluster that the program has connected to, else to the
orchestrator's ``address``, else to ``RAY_ADDRESS``, else to the one of this machine (``ray start
--head``).
"""

from __future__ import annotations

import importlib
import os
import socket
import threading
from typing import Any, Final

from epochal.errors import MissingExtra, Unavailable

KNOCK_S: Final = 10.0
AUTO: Final = "auto"
NO_CLUSTER: Final = (
    "executor='ray' found no cluster: `ray start --head` starts one on this machine, RAY_ADDRESS "
    "names another, and ray.init() in your script is fine, too ({})"
)
_connecting = threading.Lock()


def connected(address: str = "") -> Any:
    """Ray, connected to a cluster; from any thread.

    Args:
        address: of a cluster; an empty text for that of ``RAY_ADDRESS`` or of this machine. A
            connection that the program has made counts before it.

    Raises:
        MissingExtra: it is not installed.
        Unavailable: there is no cluster.
    """
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError:
        raise MissingExtra("executor='ray'", "ray") from None
    with _connecting:
        if not ray.is_initialized():
            address = address or os.environ.get("RAY_ADDRESS") or AUTO
            try:
                _knock(address)
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except (OSError, RuntimeError, ValueError) as error:
                first = str(error).partition("\n")[0]
                raise Unavailable(NO_CLUSTER.format(f"{first:.200}")) from error
    return ray


def _knock(address: str) -> None:
    """Find out within seconds whether somebody is there; Ray itself would try for minutes.

    Raises:
        OSError: nobody answers.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()
