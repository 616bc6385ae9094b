"""The records of one run that wait for its server, in a folder.

    records.jsonl  a record a line: its length, its CRC-32, itself as JSON; only ever appended to
    files/         copies of the files that records name
    promised       how many bytes of records.jsonl were written for certain
    delivered      how many of them the server has

A kill may tear the last line, which then was never promised, and may forget that a record was
delivered; sent again, it changes nothing. Whatever else is not as it was written is damage, which
`Waiting` tells. Lines without length and checksum are from an earlier version.
"""

import json
import os
import re
import shutil
import uuid
import zlib
from pathlib import Path
from typing import Any, NamedTuple

Record = dict[str, Any]  # of JSON's types; the file at "path", if there is one, belongs to it

RECORDS, FILES, PROMISED, DELIVERED = "records.jsonl", "files", "promised", "delivered"
ASIDE = re.compile(r"\.damaged-\d+$")  # how the name of what was set aside ends


class Unusable(Exception):
    """A record that no server will take: it is damaged, or none of a run."""


class Waiting(NamedTuple):
    """What a queue holds.

    Attributes:
        lines: that wait, each with its number and the byte where it ends.
        lost: what is missing, in words.
        odd: what is not as it was written but costs no record, in words.
    """

    lines: list[tuple[int, bytes, int]]
    lost: list[str]
    odd: list[str]


class RunQueue:
    """One run's folder; processes take turns by a lock that the caller holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def append(self, record: Record) -> None:
        """Writes a record, with its file, so that it outlasts a power cut."""
        (self.folder / FILES).mkdir(parents=True, exist_ok=True)
        if "path" in record:
            own = self.folder / FILES / uuid.uuid4().hex  # tempfile's would be for the user alone
            own.mkdir()
            copy = Path(shutil.copyfile(record["path"], own / Path(record["path"]).name))
            with open(copy, "rb") as file:
                os.fsync(file.fileno())
            path = str(copy.relative_to(self.folder))
            record = record | {"path": path, "checksum": _checksum(copy.read_bytes())}
        promised = self._count(PROMISED, [])
        if not promised:
            self._note(PROMISED, 0)  # tells an emptied file from a new one
        with open(self.folder / RECORDS, "ab+") as records:
            records.seek(0)
            end = records.read().rfind(b"\n") + 1
            if end < promised:
                records.write(b"\n")  # an empty line, or a damaged one, stands for what is missing
            else:
                records.truncate(end)  # a line that was torn
            records.write(_encode(record))
            records.flush()
            os.fsync(records.fileno())
            self._note(PROMISED, records.tell())

    def waiting(self) -> Waiting:
        """What waits, and what is not as it was written."""
        lost: list[str] = []
        known = {RECORDS, FILES, PROMISED, DELIVERED}
        odd = [
            f"{path.name} does not belong there"
            for path in sorted(self.folder.glob("*"))
            if path.name not in known and not path.name.startswith(".")
        ]
        promised, delivered = self._count(PROMISED, odd), self._count(DELIVERED, odd)
        try:
            content = (self.folder / RECORDS).read_bytes()
            if not content and not (self.folder / PROMISED).exists():
                lost.append(f"{RECORDS} is empty")
        except FileNotFoundError:
            content = b""
        except OSError as e:
            content = b""
            lost.append(f"{RECORDS} cannot be read ({e.strerror})")
        end = content.rfind(b"\n") + 1
        if end < max(promised, delivered):
            lost.append(f"{RECORDS} ends too early")
        if delivered and content[delivered - 1 : delivered] != b"\n":
            odd.append(f"{DELIVERED} counts {delivered} bytes, where no line ends")
            delivered = 0
        lines, start = [], 0
        for number, line in enumerate(content[:end].split(b"\n")[:-1], 1):
            start += len(line) + 1
            if start > delivered:
                lines.append((number, line, start))
        return Waiting(lines, lost, odd)

    def decode(self, line: bytes) -> Record:
        """The record that a line holds.

        Raises:
            Unusable: it is damaged, or its file is, or that is missing.
        """
        text = line
        if not line.startswith(b"{"):
            length, _, rest = line.partition(b" ")
            checksum, _, text = rest.partition(b" ")
            if (length, checksum) != (b"%d" % len(text), _checksum(text).encode()):
                raise Unusable("is damaged")
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise Unusable("is damaged") from e
        if not isinstance(record, dict):
            raise Unusable("is damaged")
        if "path" in record:
            record["path"] = str(self._file(record["path"], record.pop("checksum", None)))
        elif "name" in record and Path(str(record["name"])).name != record["name"]:
            raise Unusable("names a file in another folder")
        return record

    def delivered(self, end: int) -> None:
        """Notes that the server has all records up to that byte."""
        self._note(DELIVERED, end)

    def remove(self) -> None:
        """Removes the folder, in an order in which a kill leaves nothing that looks like damage."""
        for name in (PROMISED, DELIVERED, RECORDS):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, name: Any, checksum: str | None) -> Path:
        try:
            path = (self.folder / str(name)).resolve()
        except (OSError, ValueError) as e:  # links in a circle, a zero in it
            raise Unusable(f"names no file, {name}") from e
        if not path.is_relative_to((self.folder / FILES).resolve()):
            raise Unusable(f"names a file elsewhere, {name}")
        try:
            if path.exists() and not path.is_file():
                raise Unusable(f"names what is no file, {name}")
            content = path.read_bytes()
        except (OSError, ValueError) as e:  # ValueError: a name with a zero in it
            raise Unusable(f"lacks its file, {name}") from e
        if checksum not in (None, _checksum(content)):
            raise Unusable(f"has a damaged file, {name}")
        return path

    def _note(self, name: str, count: int) -> None:
        """Writes a number, which a kill leaves as it was or as it is to be."""
        part = self.folder / f".{name}"
        part.write_text(str(count))
        os.replace(part, self.folder / name)

    def _count(self, name: str, odd: list[str]) -> int:
        """The number in a file, 0 where a kill left none; what is none is told."""
        try:
            text = (self.folder / name).read_text()
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError):
            text = "?"
        if text and not re.fullmatch(r"[0-9]{1,18}", text):
            odd.append(f"{name} holds no number")
            return 0
        return int(text or 0)


def set_aside(path: Path) -> Path:
    """Renames a file or folder so that nothing takes it for a queue any more; where it is now."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.rename(aside)


def _encode(record: Record) -> bytes:
    text = json.dumps(record).encode()
    return b"%d %s %s\n" % (len(text), _checksum(text).encode(), text)


def _checksum(content: bytes) -> str:
    return f"{zlib.crc32(content):08x}"
