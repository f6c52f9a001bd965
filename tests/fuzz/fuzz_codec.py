"""Coverage-guided fuzzing of the codec, with atheris: `make fuzz`.

A crash leaves its bytes in a file: `python -m tests.fuzz.fuzz_codec FILE` shows it again. What is
found becomes a test.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gateway.mqtt"]):
    from tests.fuzz.codec import check_codec, seeds


def main() -> None:
    """Fuzz; the first argument is the folder of the corpus, or a file to play again."""
    corpus = Path(sys.argv[1])
    if not corpus.is_file():
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)

    def check(data: bytes) -> None:
        check_codec(data)

    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
