"""The actions of a rule: which there are, what they hold, how they are read from JSON.

Knows nothing of how an action is carried out.

Source: AWS IoT Core Developer Guide, "Rule actions"; API reference, `Action`.
"""

from rules.actions.kinds import (
    Action,
    RepublishAction,
    RepublishHeaders,
    ServiceAction,
    SqsAction,
    UnsupportedAction,
)
from rules.actions.parameters import TemplateTerms
from rules.actions.reading import read_action

__all__ = [
    "Action",
    "RepublishAction",
    "RepublishHeaders",
    "ServiceAction",
    "SqsAction",
    "TemplateTerms",
    "UnsupportedAction",
    "read_action",
]
