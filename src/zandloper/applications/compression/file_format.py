"""The file format of compressed data: a header, independent blocks, an index, each with a checksum.

    header   magic (6 bytes) | length (4) | JSON | CRC-32 (4)
    block    "BLK1" | length (4) | rows (8) | payload | CRC-32 (4) of all before it in the block and of its number
    index    "IDX1" | length (4) | JSON: where each block begins, and its rows | CRC-32 (4) | length again (4) | "END1"

Numbers are unsigned and little-endian. A CRC-32 detects every flipped bit (Peterson and Brown 1961). The number of a
block is part of its checksum, so that swapped blocks are detected. The index at the end locates a block without reading
those before it; if the end is missing, blocks are found by reading from the front.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from zandloper.errors import FileError

MAGIC, VERSION = b"ZLC\r\n\x1a", 1
BLOCK, INDEX, END = b"BLK1", b"IDX1", b"END1"
LONGEST = 2**31  # bytes: no header or block is longer


@dataclass
class CompressedWriter:
    """Writer of header, blocks and index to a binary file.

    Parameters
    ----------
    file : binary file
    about : dict
        JSON-ready, for the header.
    """

    file: BinaryIO
    about: dict[str, Any]
    index: list[list[int]] = field(default_factory=list)
    size: int = 0

    def __post_init__(self) -> None:
        text = json.dumps({"version": VERSION, **self.about}, separators=(",", ":")).encode()
        self._write(MAGIC + struct.pack("<I", len(text)) + text, 0)

    def block(self, rows: int, payload: bytes) -> None:
        """Write a block."""
        self.index.append([self.size, rows])
        self._write(BLOCK + struct.pack("<IQ", len(payload), rows) + payload, len(self.index))

    def close(self, **about: Any) -> None:
        """Write the index, with `about` in it."""
        text = json.dumps({"blocks": self.index, **about}, separators=(",", ":")).encode()
        self._write(INDEX + struct.pack("<I", len(text)) + text, 0)
        self._append(struct.pack("<I", len(text)) + END)

    def _write(self, data: bytes, number: int) -> None:
        self._append(data + struct.pack("<I", zlib.crc32(struct.pack("<I", number), zlib.crc32(data))))

    def _append(self, data: bytes) -> None:
        self.file.write(data)
        self.size += len(data)


class CompressedReader:
    """Reader of what `CompressedWriter` wrote, from a seekable binary file.

    Attributes
    ----------
    about : dict
        Content of the header.
    index : list of (start, rows)
        The complete blocks.
    end : dict
        Content of the index.
    lost : str
        The missing part in words; empty for a complete file.
    """

    def __init__(self, file: BinaryIO, name: str = "the compressed data") -> None:
        self.file, self.name, self.lost = file, name, ""
        self.size = file.seek(0, 2)
        file.seek(0)
        head = file.read(len(MAGIC) + 4)
        if not head.startswith(MAGIC):
            what = "cut off within its header" if head and MAGIC.startswith(head) else "not what a Compressor wrote"
            raise FileError(f"{name} is {what}")
        self.about = self._json(head, 0, "header")
        if self.about.get("version") != VERSION:
            raise FileError(
                f"{name} has format version {self.about.get('version')!r}, and this zandloper reads {VERSION}: upgrade"
            )
        self.start = file.tell()
        self.end = self._find_index()

    def block(self, number: int) -> bytes:
        """The payload of a block, after its checksum is verified."""
        start, _ = self.index[number]
        found = self._block_at(start, number + 1)
        if found is None:
            raise FileError(f"block {number} of {self.name} is damaged: its checksum is wrong")
        return found[1]

    def blocks(self) -> Iterator[bytes]:
        """All payloads in order."""
        for number in range(len(self.index)):
            yield self.block(number)

    @property
    def rows(self) -> int:
        """Number of rows of the complete blocks."""
        return sum(rows for _, rows in self.index)

    def _find_index(self) -> dict[str, Any]:
        tail = 4 + len(END)
        if self.size >= self.start + tail:
            self.file.seek(self.size - tail)
            length, end = struct.unpack("<I4s", self.file.read(tail))
            begin = self.size - tail - 4 - length - len(INDEX) - 4
            if end == END and begin >= self.start:
                self.file.seek(begin)
                head = self.file.read(8)
                if head == INDEX + struct.pack("<I", length):
                    found = self._json(head, 0, "index")
                    self.index = [(int(a), int(b)) for a, b in found["blocks"]]
                    return found
        self.index, at = [], self.start
        while (found_block := self._block_at(at, len(self.index) + 1)) is not None:
            self.index.append((at, found_block[0]))
            at = self.file.tell()
        self.file.seek(at)
        rest = self.file.read(4)
        total = self.about.get("rows")
        missing = f"{total - self.rows:,} of {total:,} rows are" if total is not None else "what follows is"
        if len(rest) == 4 and rest not in (BLOCK, INDEX):
            raise FileError(f"{self.name} is damaged after block {len(self.index)}, at byte {at}")
        self.lost = (
            f"{self.name} is cut off at byte {self.size:,}: {len(self.index)} blocks with {self.rows:,} rows are "
            f"whole, {missing} lost"
        )
        if rest == BLOCK and self._complete(at):
            raise FileError(f"block {len(self.index)} of {self.name} is damaged: its checksum is wrong")
        if rest == INDEX:
            self._refuse_whole(at)
        return {}

    def _refuse_whole(self, at: int) -> None:
        """Raise an error if a complete index could not be read: then the file is damaged and not truncated."""
        self.file.seek(self.size - len(END))
        ended = self.file.read(len(END)) == END
        self.file.seek(at)
        head = self.file.read(8)
        whole = len(head) == 8 and at + 8 + struct.unpack("<I", head[4:])[0] + 4 + 4 + len(END) <= self.size
        if ended or whole:
            raise FileError(f"the index of {self.name} is damaged, at byte {at}")

    def _complete(self, at: int) -> bool:
        """True if the file is as long as the header of a block requires."""
        self.file.seek(at + 4)
        head = self.file.read(12)
        return len(head) == 12 and at + 16 + struct.unpack("<IQ", head)[0] + 4 <= self.size

    def _block_at(self, at: int, number: int) -> tuple[int, bytes] | None:
        self.file.seek(at)
        head = self.file.read(16)
        if len(head) < 16 or not head.startswith(BLOCK):
            return None
        length, rows = struct.unpack("<IQ", head[4:])
        if length > LONGEST or at + 16 + length + 4 > self.size:
            return None
        payload = self.file.read(length)
        wanted = zlib.crc32(struct.pack("<I", number), zlib.crc32(payload, zlib.crc32(head)))
        return (rows, payload) if self.file.read(4) == struct.pack("<I", wanted) else None

    def _json(self, head: bytes, number: int, what: str) -> dict[str, Any]:
        """The JSON that follows a head whose last four bytes are its length."""
        length = struct.unpack("<I", head[-4:])[0] if len(head) >= 4 else LONGEST
        text = self.file.read(min(length, LONGEST))
        check = self.file.read(4)
        if len(text) < length or len(check) < 4:
            raise FileError(f"{self.name} is cut off within its {what}")
        if check != struct.pack("<I", zlib.crc32(struct.pack("<I", number), zlib.crc32(head + text))):
            raise FileError(f"the {what} of {self.name} is damaged: its checksum is wrong")
        found: dict[str, Any] = json.loads(text)
        return found


def pack_parts(parts: list[bytes]) -> bytes:
    """Join byte strings to one."""
    return b"".join([struct.pack("<B", len(parts)), *(struct.pack("<I", len(p)) for p in parts), *parts])


def unpack_parts(data: bytes) -> list[bytes]:
    """The inverse of `pack_parts`."""
    count = data[0]
    sizes = struct.unpack(f"<{count}I", data[1 : 1 + 4 * count])
    out, at = [], 1 + 4 * count
    for size in sizes:
        out.append(data[at : at + size])
        at += size
    return out
