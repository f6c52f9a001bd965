"""The outbox: actions that run after the commit, at least once, whatever happens meanwhile.

Owns their rows, their lanes and their ends. Knows nothing of what an action does.
"""

from gateway.engine.outbox.job import (
    ERROR_ACTION,
    STATEMENT,
    Failure,
    Job,
    NewJob,
    SlowAction,
)
from gateway.engine.outbox.lane import LaneStatus
from gateway.engine.outbox.outbox import Outbox

__all__ = [
    "ERROR_ACTION",
    "STATEMENT",
    "Failure",
    "Job",
    "LaneStatus",
    "NewJob",
    "Outbox",
    "SlowAction",
]
