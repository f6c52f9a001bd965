"""The drivers are a library of their own, and cost nothing that is not configured."""

from __future__ import annotations

import subprocess
import sys


def test_importing_drivers_imports_neither_the_gateway_nor_a_hardware_library() -> None:
    code = (
        "import sys, drivers, drivers.pins, drivers.framing\n"
        "found = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(found & {'gateway', 'serial', 'gpiozero', 'lgpio'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
