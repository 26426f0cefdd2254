"""The route by which an import tells what it knows of experiments."""

from __future__ import annotations

from typing import Any, Final

from litestar import put
from litestar.params import JSONBody

from epochal.domain.access import Permission
from epochal.domain.tracked import Experiment, KeptExperiment
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.service import experiments

WRITE: Final = needs(Permission.WRITE)


@put("/api/v1/experiments", opt=WRITE)
async def keep_experiment(request: Call, data: JSONBody[KeptExperiment]) -> Experiment:
    """Take over the name, tags and deletion of the experiment that a project is."""
    recorder = request.workers.recorder
    return await request.write(experiments.keep_experiment, recorder, data)


ROUTES: Final[list[Any]] = [keep_experiment]
