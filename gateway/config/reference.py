"""The settings reference, as Markdown: `python -m gateway.config.reference`.

Owns its layout; every word about a setting comes from the setting's own metadata.
"""

from __future__ import annotations

import sys

from gateway.config.description import Setting, describe
from gateway.config.settings import NOT_YET, SECTIONS, Occurrence

__all__ = ["markdown"]

_HEAD = """\
# Settings

The gateway reads one TOML file: `weir run --config weir.toml`. `weir check --config weir.toml`
names every problem in it with file, line, key and remedy, and `weir check --print` shows the value
of every setting and the line that it comes from. A key that is not listed here is an error.

This page is made by `.venv/bin/python -m gateway.config.reference > docs/reference/settings.md`.

- **Sizes** (unit *bytes*) are whole numbers of bytes, or text with a unit: `"512MB"` is 512,000,000
  bytes and `"512MiB"` is 536,870,912. Units: B, kB, MB, GB, TB; KiB, MiB, GiB, TiB.
- **Times** (units *seconds* and *milliseconds*) are numbers, or text with a unit: `"250ms"`,
  `"30s"`, `"5min"`, `"12h"`, `"4d"`.
- **Relative paths** start at the folder of the settings file.
"""


def markdown() -> str:
    """Return the whole document."""
    by_section: dict[str, list[Setting]] = {section.name: [] for section in SECTIONS}
    for setting in describe():
        by_section[setting.section].append(setting)
    parts = [_HEAD]
    for section in SECTIONS:
        many = section.occurrence is Occurrence.ANY
        parts.append(f"## `{'[[' if many else '['}{section.name}{']]' if many else ']'}`\n")
        parts.append(f"{section.doc} It may stand {section.occurrence.value}.\n")
        parts.append("| Key | Takes | Default | Meaning |\n|---|---|---|---|")
        parts += [_row(setting) for setting in by_section[section.name]]
        parts.append("")
    parts.append("## Not there yet\n")
    parts.append("The command refuses these by name, until a later version takes them:\n")
    parts.append(", ".join(f"`{name}`" for name in sorted(NOT_YET)) + ".\n")
    return "\n".join(parts)


def _row(setting: Setting) -> str:
    if setting.default is None:
        default = "*must be set*"
    elif not setting.default:
        default = "*left out*"
    else:
        default = f"`{setting.default}`"
    takes = setting.type
    if setting.unit and setting.unit not in (setting.type, "text"):
        takes = f"{setting.type}, {setting.unit}"
    doc = setting.doc[:1].upper() + setting.doc[1:]
    cells = (f"`{setting.key}`", takes, default, doc if doc.endswith(".") else f"{doc}.")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
