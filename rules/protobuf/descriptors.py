"""Descriptor files: a message type found in a FileDescriptorSet, and kept ready.

Owns the names AWS gives the file and the type by, and the cache. A descriptor file is known by its
bytes, so that a changed one is seen with the next message.

Source: AWS IoT Core Developer Guide, "Decoding protobuf message payloads"; protobuf's
descriptor.proto.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from rules.errors import EvaluationFailed
from rules.outside import MAX_DESCRIPTOR_BYTES
from rules.protobuf.messages import MessageReader

__all__ = ["message_reader"]

# What is kept ready. A set is in the cache's keys by its bytes: at most 2 MiB of them.
_MAX_SETS: Final = 16
_MAX_READERS: Final = 64

# Names may come from messages: longer ones are neither kept nor said in full.
_MAX_NAME: Final = 200

_SUFFIX: Final = ".proto"
_MAKE_IT_SO: Final = "make it with protoc --include_imports --descriptor_set_out"


def message_reader(descriptor_set: bytes, proto_name: str, message_type: str) -> MessageReader:
    """Return the reader of a message type.

    Args:
        descriptor_set: A serialized FileDescriptorSet with all that its files import.
        proto_name: The .proto file, with or without `.proto` and its folders.
        message_type: The message's name, with or without the file's package; that of a nested
            message follows its outer one's and a dot.

    Raises:
        EvaluationFailed: There is no such type in the set, or the set cannot be used.
    """
    is_kept = len(proto_name) <= _MAX_NAME and len(message_type) <= _MAX_NAME
    reader = _reader if is_kept else _reader.__wrapped__
    found = reader(descriptor_set, proto_name, message_type)
    if isinstance(found, str):
        raise EvaluationFailed(f"decode: {found}", hint=_MAKE_IT_SO)
    return found


# What is wrong is kept as well, so that a rule that cannot work costs little per message.
@lru_cache(_MAX_READERS)
def _reader(descriptor_set: bytes, proto_name: str, message_type: str) -> MessageReader | str:
    loaded = _load(descriptor_set)
    if isinstance(loaded, str):
        return loaded
    pool, files = loaded
    file = _file(files, proto_name)
    if file is None:
        return f"the descriptor file has no {_cut(proto_name)!r}"
    descriptor = _message(pool, file, message_type)
    if descriptor is None:
        return f"{_cut(file.name)} has no message type {_cut(message_type)!r}"
    return MessageReader(descriptor)


@lru_cache(_MAX_SETS)
def _load(descriptor_set: bytes) -> tuple[DescriptorPool, tuple[FileDescriptorProto, ...]] | str:
    if len(descriptor_set) > MAX_DESCRIPTOR_BYTES:
        return (
            f"the descriptor file has {len(descriptor_set)} bytes, more than {MAX_DESCRIPTOR_BYTES}"
        )
    try:
        files = tuple(FileDescriptorSet.FromString(descriptor_set).file)
    except DecodeError:
        return "the descriptor file is no FileDescriptorSet"
    pool = DescriptorPool()
    try:
        for file in files:
            pool.AddSerializedFile(file.SerializeToString())
        for file in files:  # one implementation of the library builds files when they are looked up
            pool.FindFileByName(file.name)
    except (TypeError, KeyError, ValueError, DecodeError) as error:
        return f"the descriptor file is not complete: {_cut(str(error))}"
    return pool, files


def _cut(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}…"


def _file(files: tuple[FileDescriptorProto, ...], name: str) -> FileDescriptorProto | None:
    wanted = name.removesuffix(_SUFFIX)
    for file in files:
        if file.name.removesuffix(_SUFFIX) == wanted:
            return file
    for file in reversed(files):  # an imported file stands before the one that imports it
        if file.name.removesuffix(_SUFFIX).rpartition("/")[2] == wanted:
            return file
    return None


def _message(pool: DescriptorPool, file: FileDescriptorProto, name: str) -> Descriptor | None:
    for full_name in (f"{file.package}.{name}" if file.package else name, name):
        try:
            descriptor = pool.FindMessageTypeByName(full_name)
        except KeyError:
            continue
        if descriptor.file.name == file.name:
            return descriptor
    return None
