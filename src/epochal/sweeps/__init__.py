"""Sweeps from the training side: make one, run its trials, look after it.

Works on a home without a server as well as with one: the same use cases choose the trials.
"""

from epochal.sweeps.agent import agent
from epochal.sweeps.asking import ActiveTrial
from epochal.sweeps.fleet import run_agents
from epochal.sweeps.handle import Best, Sweep, list_sweeps, open_sweep, sweep
from epochal.sweeps.trials import Stopped

__all__ = [
    "ActiveTrial",
    "Best",
    "Stopped",
    "Sweep",
    "agent",
    "list_sweeps",
    "open_sweep",
    "run_agents",
    "sweep",
]
