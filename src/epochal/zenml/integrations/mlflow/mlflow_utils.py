"""``get_tracking_uri``: where MLflow's client finds the runs."""

from __future__ import annotations

import os

from epochal.journal.home import find_home, read_server_address

__all__ = ["get_tracking_uri"]

DEFAULT = "http://127.0.0.1:7557"


def get_tracking_uri() -> str:
    """The address for ``mlflow.set_tracking_uri``.

    That of the server which ``EPOCHAL_URL`` names or which runs on the home; else where
    ``epochal server`` will answer once it is started.
    """
    address = read_server_address(find_home())
    return os.environ.get("EPOCHAL_URL") or (DEFAULT if address is None else address.url)
