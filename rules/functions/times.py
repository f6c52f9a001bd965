"""The functions of time.

Owns their entries in the table; what reads and writes dates is imported when a statement needs it.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from typing import Final

from rules.expression import Expression
from rules.functions.table import CallSite, Function
from rules.message import Context
from rules.values import V2015, V2016, Value

__all__ = ["TABLE"]


def _timestamp(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        return context.environment.now_ms()

    return run


def _parse_time(call: CallSite) -> Expression:
    from rules.functions.date_texts import build_parse_time

    return build_parse_time(call)


def _time_to_epoch(call: CallSite) -> Expression:
    from rules.functions.date_texts import build_time_to_epoch

    return build_time_to_epoch(call)


TABLE: Final = (
    Function("timestamp", V2015, (0,), _timestamp, is_pure=False),
    Function("parse_time", V2016, (2, 3), _parse_time, steps=80),
    Function("time_to_epoch", V2016, (2,), _time_to_epoch, steps=300),
)
