# SPDX-License-Identifier: MIT
"""What is booted: the peer program in an initramfs, and a kernel that notes when it is entered.

The kernel is the one of Debian's package, as the Xen rig's dom0 boots it. The copy differs in this:
a few instructions (entry_notes.S) lie in the gap between its code and its constants, and its entry,
in an ELF note, is theirs. They write the time-stamp counter into the command line and go on to the
kernel's own entry. Nothing that the kernel does is changed. Without them a boot could only be timed
from the start of the machine, firmware and loader included.
"""

import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from debian import cpio
from debian.store import RigError
from pvrun.elf import Elf

HERE = Path(__file__).resolve().parent
PROGRAM = ["start.S", "main.c", "text.c", "processes.c", "handover.c", "memory.c", "cpus.c",
           "barrier.c"]
FLAGS = ["-nostdlib", "-static", "-no-pie", "-fno-pie", "-ffreestanding", "-O2", "-mgeneral-regs-only",
         "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
         "-Wl,--build-id=none", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
# Notes of the name "Xen" (xen/include/public/elfnote.h), and the code that their entry gets.
ENTRY, PHYS32_ENTRY = 1, 18
STUBS = {PHYS32_ENTRY: "pvh_entry_note", ENTRY: "pv_entry_note"}
# The command line must begin with this (entry_notes.S).
ENTRY_WORD = "entry_tsc=" + 16 * "a"
PT_LOAD, PT_NOTE = 1, 4
JUMP_BYTES = 4
FILE_SIZE_AT = 32
ALIGNMENT = 16


class ImageError(RigError):
    """The program does not build, or the kernel is not as expected."""


def initramfs(folder):
    """An initramfs below `folder` whose first process is the peer program."""
    program = _compiled(folder / "init", PROGRAM)
    archive = cpio.Archive()
    for path in ("dev", "proc", "sys"):
        archive.directory(path)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/port", 1, 4)
    archive.file("init", program.read_bytes(), 0o755)
    out = folder / "initramfs.cpio"
    out.write_bytes(archive.data())
    return out


def kernel(vmlinux, folder):
    """A copy of the ELF file `vmlinux` below `folder` that notes when it is entered."""
    stubs = Elf(_compiled(folder / "entry_notes", ["entry_notes.S"], ["-Wl,-e,0"]))
    out = folder / "vmlinux"
    out.write_bytes(noting(Path(vmlinux).read_bytes(), {
        note: stubs.bytes_at(stubs.symbols[name],
                             stubs.symbols[f"{name}_end"] - stubs.symbols[name])
        for note, name in STUBS.items()}))
    return out


def _compiled(out, sources, more=()):
    out.parent.mkdir(parents=True, exist_ok=True)
    argv = ["cc", *FLAGS, *more, "-o", str(out), *(str(HERE / name) for name in sources)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise ImageError("no C compiler (cc) to build the program that Linux runs") from None
    if done.returncode != 0:
        raise ImageError(f"the program that Linux runs does not build:\n{done.stderr}")
    return out


def noting(image, stubs):
    """The bytes of an ELF64 kernel whose entries of `stubs` (note type: code) are noted.

    Zeros at the end of the last segment are dropped, which the loader makes again: the file is a
    third smaller, and travels through two memories on its way.
    """
    image = bytearray(image)
    segments = _segments(image)
    gap = _gap(image, segments, sum(map(len, stubs.values())))
    for note, code in stubs.items():
        at, form = _note(image, segments, note)
        entry, = struct.unpack_from(form, image, at)
        place = gap.physical if note == PHYS32_ENTRY else gap.virtual
        jump = struct.pack("<i", entry - (place + len(code)))
        image[gap.offset:gap.offset + len(code)] = code[:-JUMP_BYTES] + jump
        struct.pack_into(form, image, at, place)
        gap = gap.moved(len(code))
    return _without_last_zeros(image, segments)


@dataclass
class Place:
    """Somewhere in a segment: in the file, at run time, and in physical memory."""

    offset: int
    virtual: int
    physical: int

    def moved(self, bytes_on):
        return Place(self.offset + bytes_on, self.virtual + bytes_on, self.physical + bytes_on)


@dataclass
class Segment(Place):
    header: int
    kind: int
    size: int


def _segments(image):
    if image[:5] != b"\x7fELF\x02":
        raise ImageError("the kernel is no ELF64 file")
    table, = struct.unpack_from("<Q", image, 32)
    each, count = struct.unpack_from("<HH", image, 54)
    segments = []
    for header in range(table, table + count * each, each):
        kind, _, offset, virtual, physical, size = struct.unpack_from("<IIQQQQ", image, header)
        segments.append(Segment(offset, virtual, physical, header, kind, size))
    return segments


def _gap(image, segments, wanted):
    """The place behind section .text, which must be zeros in a segment that is loaded."""
    end = _end_of_text(image)
    for segment in segments:
        if segment.kind == PT_LOAD and segment.offset <= end < segment.offset + segment.size:
            if any(image[end:end + wanted]) or end + wanted > segment.offset + segment.size:
                break
            return Place(segment.offset, segment.virtual, segment.physical).moved(
                end - segment.offset)
    raise ImageError("the kernel has no gap behind its code")


def _end_of_text(image):
    table, = struct.unpack_from("<Q", image, 40)
    each, count, names = struct.unpack_from("<HHH", image, 58)
    headers = [struct.unpack_from("<IIQQQQ", image, table + i * each) for i in range(count)]
    for name, _, _, _, offset, size in headers:
        if image[headers[names][4] + name:].startswith(b".text\0"):
            return -(-(offset + size) // ALIGNMENT) * ALIGNMENT
    raise ImageError("the kernel has no section .text")


def _note(image, segments, wanted):
    """(offset, struct format) of the value in a note of Xen's."""
    for segment in segments:
        at = segment.offset
        while segment.kind == PT_NOTE and at < segment.offset + segment.size:
            name_bytes, value_bytes, kind = struct.unpack_from("<III", image, at)
            value = at + 12 + -(-name_bytes // 4) * 4
            if (image[at + 12:at + 16], kind) == (b"Xen\0", wanted):
                return value, "<Q" if value_bytes == 8 else "<I"
            at = value + -(-value_bytes // 4) * 4
    raise ImageError(f"the kernel has no Xen note {wanted}: it lacks an entry")


def _without_last_zeros(image, segments):
    last = max((segment for segment in segments if segment.kind == PT_LOAD),
               key=lambda segment: segment.offset)
    end = last.offset + len(image[last.offset:last.offset + last.size].rstrip(b"\0"))
    struct.pack_into("<Q", image, last.header + FILE_SIZE_AT, end - last.offset)
    # The section headers lie behind the segments, and no loader needs them.
    struct.pack_into("<Q", image, 40, 0)
    struct.pack_into("<HHH", image, 58, 0, 0, 0)
    return bytes(image[:end])
