# SPDX-License-Identifier: MIT
"""Takes kernels, modules, programs and libraries out of unpacked packages, for an initramfs."""

import lzma
import os
import re
import shutil
import subprocess
from pathlib import Path

from .store import RigError

HERE = Path(__file__).resolve().parent
LIBRARY_FOLDER = "lib/x86_64-linux-gnu"


def uncompressed(kernel, root, out):
    """The ELF image inside a bzImage, which spares the decompression under emulation.

    Only for zstd and xz, Debian's choices; None for anything else, and the bzImage is used.
    Header fields: Linux, Documentation/arch/x86/boot.rst.
    """
    image = kernel.read_bytes()
    if image[0x202:0x206] != b"HdrS":
        return None
    start = (image[0x1f1] + 1) * 512 + int.from_bytes(image[0x248:0x24c], "little")
    payload = image[start:start + int.from_bytes(image[0x24c:0x250], "little")]
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        # The payload's last four bytes are the kernel's own size field, not zstd's.
        done = subprocess.run([str(root / "usr/bin/zstd"), "-dcq"], input=payload[:-4],
                              capture_output=True, timeout=60,
                              env={**os.environ, "LD_LIBRARY_PATH": library_path(root)})
        elf = done.stdout
    elif payload.startswith(b"\xfd7zXZ"):
        elf = lzma.LZMADecompressor().decompress(payload)
    else:
        return None
    if not elf.startswith(b"\x7fELF"):
        return None
    out.write_bytes(elf)
    return out


def modules(root, wanted):
    """(name, content) of modules and what they depend on, in loading order.

    The packages carry no dependency table (it is made at installation), but each module names
    its own dependencies in its .modinfo.
    """
    files = {re.sub(r"\.ko(\.xz)?$", "", path.name).replace("_", "-"): path
             for folder in ("lib/modules", "usr/lib/modules")
             for path in (root / folder).glob("**/*.ko*")}
    loaded = {}

    def load(name):
        name = name.replace("_", "-")
        if name in loaded:
            return
        if name not in files:
            raise RigError(f"the kernel's package has no module {name}")
        content = files[name].read_bytes()
        if files[name].suffix == ".xz":
            content = lzma.decompress(content)
        found = re.search(rb"\0depends=([^\0]*)\0", content)
        for other in (found.group(1).decode().split(",") if found else []):
            if other:
                load(other)
        loaded[name] = content

    for name in wanted:
        load(name)
    return loaded.items()


def add_modules(archive, root, wanted):
    """Puts modules into an archive, with the list `order` of the names to load."""
    order = []
    for name, content in modules(root, wanted):
        order.append(name)
        archive.file(f"lib/modules/{name}.ko", content)
    archive.file("lib/modules/order", "".join(name + "\n" for name in order).encode())


def add_libraries(archive, programs, root):
    """Puts in what the programs are linked with: the unpacked libraries first, then the system's."""
    found = {}
    for program in programs:
        found.update({library.name: library for library in _libraries(program, root)})
    for name, library in sorted(found.items()):
        folder = "lib64" if name.startswith("ld-linux") else LIBRARY_FOLDER
        archive.file(f"{folder}/{name}", library.read_bytes(), 0o755)


def add_library(archive, name, root):
    """Puts in a library that a program loads without being linked with it."""
    for folder in (*map(Path, library_path(root).split(":")), Path("/usr") / LIBRARY_FOLDER,
                   Path("/") / LIBRARY_FOLDER):
        if (folder / name).exists():
            archive.file(f"{LIBRARY_FOLDER}/{name}", (folder / name).read_bytes(), 0o755)
            return
    raise RigError(f"no library {name}")


def add_busybox(archive, root):
    for path in (root / "bin/busybox", root / "usr/bin/busybox"):
        if path.exists():
            archive.file("bin/busybox", path.read_bytes(), 0o755)
            archive.symlink("bin/sh", "busybox")
            return
    raise RigError("no busybox in busybox-static")


def add_init(archive, script):
    """Puts in the first process and what it sources."""
    archive.file("init", script.read_bytes(), 0o755)
    archive.file("bin/jobs", (HERE / "jobs.sh").read_bytes())


def library_path(root):
    return f"{root / 'usr' / LIBRARY_FOLDER}:{root / LIBRARY_FOLDER}"


def _libraries(program, root):
    if not shutil.which("ldd"):
        raise RigError("ldd is missing (package libc-bin)")
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": library_path(root)})
    missing = re.findall(r"(\S+) => not found", done.stdout)
    if done.returncode != 0 or missing:
        raise RigError(f"{program.name} lacks libraries: {' '.join(missing) or done.stderr}")
    return [Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+)", done.stdout, re.MULTILINE)]
