"""The rules engine's settings, each default named once, with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["RulesSettings"]


@dataclass(frozen=True, slots=True)
class RulesSettings:
    """The `[rules]` section."""

    dir: Path | None = field(
        default=None,
        metadata={
            "unit": "folder",
            "doc": "Where rule files are: every *.json in it, each as written for "
            "`aws iot create-topic-rule --cli-input-json`. Without it there are no rules.",
        },
    )
    outbox_max_bytes: int = field(
        default=256 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "What may wait on disk for slow actions (http, lambda, s3) and for rules that "
            "reach out. Beyond it an action fails, and its error action says so.",
        },
    )
    outbox_target_bytes: int = field(
        default=64 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "The same for one function, endpoint, bucket or rule, so that one which does "
            "not answer leaves room for the others.",
        },
    )
    trace_messages: int = field(
        default=1000,
        metadata={
            "unit": "messages",
            "doc": "How many of the latest messages `weir rule why` and `weir rule trace` know.",
        },
    )
    trace_bytes: int = field(
        default=2 * 1024 * 1024,
        metadata={"unit": "bytes", "doc": "What those messages may weigh in memory, together."},
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        found = []
        if self.outbox_target_bytes > self.outbox_max_bytes:
            found.append(
                "rules.outbox_target_bytes is more than rules.outbox_max_bytes; one target is a "
                "part of the whole"
            )
        for name in ("outbox_target_bytes", "trace_messages", "trace_bytes"):
            if getattr(self, name) < 1:
                found.append(f"rules.{name} is {getattr(self, name)}; it must be at least 1")
        return found
