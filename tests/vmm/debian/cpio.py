# SPDX-License-Identifier: MIT
"""Writes cpio archives in the "newc" format, which is what a Linux initramfs is.

Own code rather than the cpio tool for one reason: the archive must be the same, byte for byte,
each time, or instruction counts would differ between two runs. So all times and owners are 0.
Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import stat


class Archive:
    """An archive under construction; `data()` closes it and returns its bytes."""

    def __init__(self):
        self._parts = []
        self._inode = 0
        self._directories = set()

    def directory(self, path):
        """Adds a directory, and those above it that are not there yet."""
        path = path.strip("/")
        if not path or path in self._directories:
            return
        self.directory(path.rpartition("/")[0])
        self._directories.add(path)
        self._entry(path, stat.S_IFDIR | 0o755, b"")

    def file(self, path, content, mode=0o644):
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entry(path, stat.S_IFREG | mode, content)

    def symlink(self, path, target):
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path, major, minor):
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entry(path, stat.S_IFCHR | 0o600, b"", (major, minor))

    def data(self):
        return b"".join(self._parts + [self._record("TRAILER!!!", 0, b"", (0, 0), 0)])

    def _entry(self, path, mode, content, device=(0, 0)):
        self._inode += 1
        self._parts.append(self._record(path, mode, content, device, self._inode))

    @staticmethod
    def _record(path, mode, content, device, inode):
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields)
        return _padded(head + name) + _padded(content)


def _padded(data):
    return data + b"\0" * (-len(data) % 4)
