"""The variables that point other trackers' clients at a server of ours."""

from __future__ import annotations

import json
from typing import Final

from epochal.client.run import Run

STALE: Final = ("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID")
"""What names an experiment or a run of another server, and would end the script."""
LOCAL_KEY: Final = "local-" + "0" * 40
"""What a server in local mode takes from its own user, in the form that wandb asks of keys."""


def client_variables(run: Run, url: str, api_key: str | None) -> dict[str, str]:
    """What a script's environment needs so that wandb and mlflow log here.

    Their runs are runs of their own in the project: those of mlflow are children of ``run``, those
    of wandb are in a group with its id.

    Args:
        run: the run of the command.
        url: the server.
        api_key: the key for it; None for a server of this user.
    """
    found = {
        "MLFLOW_TRACKING_URI": url,
        "MLFLOW_EXPERIMENT_NAME": run.project,
        "MLFLOW_RUN_CONTEXT": json.dumps({"mlflow.parentRunId": run.uid}),
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": api_key or LOCAL_KEY,
        "WANDB_ENTITY": run.entity,
        "WANDB_PROJECT": run.project,
        "WANDB_RUN_GROUP": run.id,
    }
    if api_key:
        found["MLFLOW_TRACKING_TOKEN"] = api_key
    return found
