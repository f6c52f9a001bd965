"""What rules use of the gateway's own services, against what the settings declare.

Owns which queues, functions, buckets and secrets rules name, and the lines that would declare them.
Names that differ from message to message are not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rules
from gateway.cli.naming import (
    Kind,
    Naming,
    Rules,
    actions_of,
    constant,
    fault_of,
    parameters_of,
    quoted,
)
from gateway.cli.output import sentence
from gateway.cli.rule_actions import queue_fault
from gateway.cli.rule_calls import outside_calls

if TYPE_CHECKING:
    from gateway.cli.verdict import Verdict
    from gateway.config import Settings

__all__ = ["judge_uses"]

_SHOWN_CHARACTERS: Final = 200

# What functions ask for that no gateway has yet.
_ABSENT: Final = {
    "get_thing_shadow": "are no device shadows",
    "get_registry_data": "is no registry of things",
}


def judge_uses(found: Rules, settings: Settings, verdict: Verdict) -> None:
    """Warn of what rules name and the settings do not declare, once for each name.

    Args:
        found: The rules.
        settings: What they may name.
        verdict: Where warnings and lines to add go.
    """
    _judge_queues(found, settings, verdict)
    _judge_functions(found, settings, verdict)
    _judge_buckets(found, settings, verdict)
    _judge_secrets(found, settings, verdict)
    _judge_absent(found, verdict)


def _judge_queues(found: Rules, settings: Settings, verdict: Verdict) -> None:
    from gateway.services.sqs.names import resolve_name

    queues = Naming()
    for file, document in found:
        for action in actions_of(document):
            if isinstance(action, rules.SqsAction) and action.queue_url.constant is not None:
                queues.add(resolve_name(action.queue_url.constant), file, document)
    remedy = "create it by the API, or add the lines below to the settings"
    kind = Kind("queue", ("sends to", "send to"), queue_fault, remedy)
    for name in queues.undeclared(kind, {queue.name for queue in settings.queues}, verdict):
        verdict.lines_to_add += ["[[sqs.queues]]", f"name = {quoted(name)}"]


def _judge_functions(found: Rules, settings: Settings, verdict: Verdict) -> None:
    from gateway.services.functions import resolve_name
    from gateway.services.functions.names import name_problem

    functions = Naming()
    for file, document in found:
        named = [
            constant(action.get("functionArn")) for action in parameters_of(document, "lambda")
        ]
        named += [call.arguments[0] for call in outside_calls(document, "aws_lambda")]
        for function in named:
            if function is not None:
                functions.add(resolve_name(function), file, document)
    kind = Kind("function", ("calls", "call"), fault_of("function", name_problem))
    declared = {function.name for function in settings.functions}
    for name in functions.undeclared(kind, declared, verdict):
        verdict.lines_to_add += [
            "[[lambda.functions]]",
            f"name = {quoted(name)}",
            f"file = {quoted(f'functions/{name}.py')}",
        ]


def _judge_buckets(found: Rules, settings: Settings, verdict: Verdict) -> None:
    from gateway.services.s3 import KeyRefused, resolve_name
    from gateway.services.s3.keys import file_names
    from gateway.services.s3.settings import name_problem

    buckets = Naming()
    for file, document in found:
        for action in parameters_of(document, "s3"):
            bucket, key = constant(action.get("bucketName")), constant(action.get("key"))
            if bucket is not None:
                buckets.add(resolve_name(bucket), file, document)
            try:
                file_names("any" if key is None else key)
            except KeyRefused as error:
                told = f"{file}: the rule {document.name} cannot write its object: {error}"
                verdict.warnings.append(sentence(told))
        for call in outside_calls(document, "decode"):
            bucket = call.arguments[2]
            if bucket is not None:
                buckets.add(bucket, file, document)
    kind = Kind("bucket", ("uses", "use"), fault_of("bucket", name_problem))
    for name in buckets.undeclared(kind, {bucket.name for bucket in settings.buckets}, verdict):
        verdict.lines_to_add += [
            "[[s3.buckets]]",
            f"name = {quoted(name)}",
            f"dir = {quoted(f'buckets/{name}')}",
        ]


def _judge_secrets(found: Rules, settings: Settings, verdict: Verdict) -> None:
    from gateway.services.secrets import Secrets, SecretsError

    asking, secrets = Naming(), Naming()
    for file, document in found:
        for call in outside_calls(document, "get_secret"):
            asking.add("any", file, document)
            if call.arguments[0] is not None:
                secrets.add(call.arguments[0], file, document)
    path = settings.secrets.file
    if path is None:
        for any_name in asking:
            verdict.warnings.append(
                f"{asking.who(any_name, ('asks', 'ask'))} for secrets, and the settings name no "
                "file of them; add the lines below, and make the file with mode 0600."
            )
            verdict.lines_to_add += ["[secrets]", 'file = "secrets.json"']
        return
    kept = Secrets(path)
    for name in secrets:
        try:
            is_kept = kept.get(name) is not None
        except SecretsError:
            continue  # what is wrong with the file is told where the settings are judged
        if not is_kept:
            shown = quoted(name[:_SHOWN_CHARACTERS])
            verdict.warnings.append(
                f"{secrets.who(name, ('asks', 'ask'))} for the secret {shown}, which {path} does "
                "not have; add it there."
            )


def _judge_absent(found: Rules, verdict: Verdict) -> None:
    functions = Naming()
    for file, document in found:
        for function in _ABSENT:
            for _ in outside_calls(document, function):
                functions.add(function, file, document)
    for function in functions:
        verdict.warnings.append(
            f"{functions.who(function, ('calls', 'call'))} {function}, and there "
            f"{_ABSENT[function]} here yet: it fails for each message for which that is asked."
        )
