"""The registry file: readable, private, and either the old one or the new one."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import RegistryError
from gateway.registry import Registry, storage


def test_documents_survive_reopening(run: Callable, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "registry.json"
        registry = await Registry.open(path)
        assert not registry.existed
        await registry.put("queues", "b", {"number": 2, "nested": {"list": [1, None, "ä"]}})
        await registry.put("queues", "a", {"number": 1})
        await registry.put("rules", "a", {"sql": "SELECT *"})
        again = await Registry.open(path)
        assert again.existed
        assert again.all("queues") == {
            "a": {"number": 1},
            "b": {"number": 2, "nested": {"list": [1, None, "ä"]}},
        }
        assert again.get("rules", "a") == {"sql": "SELECT *"}
        assert again.get("rules", "b") is None
        assert again.all("topics") == {}

    run(main())


def test_the_file_is_readable_sorted_and_private(run: Callable, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "registry.json"
        registry = await Registry.open(path)
        await registry.put("queues", "zebra", {"b": 1, "a": "ö"})
        await registry.put("queues", "ant", {})
        text = path.read_text(encoding="utf-8")
        assert text == (
            '{\n  "queues": {\n    "ant": {},\n    "zebra": {\n      "a": "ö",\n      "b": 1\n'
            "    }\n  }\n}\n"
        )
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    run(main())


def test_put_replaces_the_whole_document(run: Callable, tmp_path: Path) -> None:
    async def main() -> None:
        registry = await Registry.open(tmp_path / "registry.json")
        await registry.put("queues", "a", {"old": 1, "kept": 1})
        await registry.put("queues", "a", {"kept": 2})
        assert registry.get("queues", "a") == {"kept": 2}
        await registry.remove("queues", "a")
        await registry.remove("queues", "never there")
        assert registry.all("queues") == {}
        assert json.loads((tmp_path / "registry.json").read_text()) == {}

    run(main())


def test_what_is_handed_out_and_in_is_a_copy(run: Callable, tmp_path: Path) -> None:
    async def main() -> None:
        registry = await Registry.open(tmp_path / "registry.json")
        document = {"tags": ["a"]}
        await registry.put("queues", "a", document)
        document["tags"].append("b")
        registry.get("queues", "a")["tags"].append("c")
        registry.all("queues")["a"]["tags"].append("d")
        assert registry.get("queues", "a") == {"tags": ["a"]}

    run(main())


def test_writes_at_once_all_arrive(run: Callable, tmp_path: Path) -> None:
    async def main() -> None:
        registry = await Registry.open(tmp_path / "registry.json")
        await asyncio.gather(*(registry.put("t", f"k{n}", {"n": n}) for n in range(20)))
        await asyncio.gather(*(registry.remove("t", f"k{n}") for n in range(0, 20, 2)))
        assert sorted(json.loads(registry.path.read_text())["t"]) == sorted(
            f"k{n}" for n in range(1, 20, 2)
        )

    run(main())


def test_a_removal_behind_a_put_under_way_removes_it(run: Callable, tmp_path: Path) -> None:
    async def main() -> None:
        registry = await Registry.open(tmp_path / "registry.json")
        put = asyncio.create_task(registry.put("t", "k", {}))
        await asyncio.sleep(0)
        await registry.remove("t", "k")
        await put
        assert registry.get("t", "k") is None

    run(main())


def test_a_caller_who_gives_up_leaves_disk_and_memory_alike(run: Callable, tmp_path: Path) -> None:
    async def main() -> None:
        registry = await Registry.open(tmp_path / "registry.json")
        put = asyncio.create_task(registry.put("t", "k", {"n": 1}))
        await asyncio.sleep(0)
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put
        await registry.close()
        assert (await Registry.open(registry.path)).get("t", "k") == registry.get("t", "k")

    run(main())


def test_what_the_disk_refused_has_happened_nowhere(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        registry = await Registry.open(tmp_path / "registry.json")
        await registry.put("t", "k", {"n": 1})

        def refuse(*args: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(storage, "replace_atomically", refuse)
            with pytest.raises(RegistryError, match="No space left") as raised:
                await registry.put("t", "k", {"n": 2})
            assert "free space" in raised.value.hint
            with pytest.raises(RegistryError):
                await registry.put("t", "new", {})
            with pytest.raises(RegistryError):
                await registry.remove("t", "k")
        assert registry.all("t") == {"k": {"n": 1}}
        await registry.put("t", "later", {"n": 3})
        assert registry.all("t") == {"k": {"n": 1}, "later": {"n": 3}}
        assert (await Registry.open(registry.path)).all("t") == registry.all("t")

    run(main())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"queues": {"a": {"number": 1}}',
        b"[]",
        b'{"queues": []}',
        b'{"queues": {"a": 1}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(
    run: Callable, tmp_path: Path, content: bytes
) -> None:
    async def main() -> None:
        path = tmp_path / "registry.json"
        path.write_bytes(content)
        with pytest.raises(RegistryError, match="damaged") as raised:
            await Registry.open(path)
        assert str(path) in str(raised.value)
        assert raised.value.hint
        assert path.read_bytes() == content

    run(main())


def test_a_file_that_is_much_too_large_is_not_read_whole(run: Callable, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "registry.json"
        with path.open("wb") as file:
            os.truncate(file.fileno(), storage.MAX_FILE_BYTES + 1)
        with pytest.raises(RegistryError, match="larger than"):
            await Registry.open(path)

    run(main())
