# SPDX-License-Identifier: MIT
"""Builds the rig once below the build folder, and reuses it while nothing it is made of changes.

What comes out: QEMU's emulator (outer), a Debian kernel, and an initramfs that holds busybox, the
KVM modules and QEMU once more (inner). QEMU below version 10 loses a timer interrupt of an emulated
SVM host now and then, which hangs L1 for ever; so where the release has no newer one, QEMU and the
kernel come from the release's backports, and where those are out of reach the rig goes on with the
release's own and a slower periodic tick that cannot lose its only interrupt.
"""

import fcntl
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import cpio, packages

HERE = Path(__file__).resolve().parent
QEMU_WITHOUT_LOST_TIMERS = 10
PERIODIC_TICK = ["highres=off", "nohz=off"]
KERNEL_META = "linux-image-cloud-amd64"
QEMU_PACKAGES = ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"]
TOOL_PACKAGES = ["busybox-static", "zstd"]
# What the inner QEMU loads for -nodefaults machines: firmware and -kernel's boot helpers.
FIRMWARE = ["bios-256k.bin", "bios-microvm.bin", "qboot.rom", "kvmvapic.bin", "pvh.bin",
            "linuxboot_dma.bin", "multiboot_dma.bin", "multiboot.bin"]
# Boot work that L1 has no use for and that takes seconds under emulation: certificates, self-tests
# of cryptography, trace tables. A kernel that lacks one of these names ignores it.
UNWANTED_AT_BOOT = ["jent_mod_init", "load_system_certificate_list", "crypto_kdf108_init",
                    "trace_eval_init"]
# The same addresses in every boot, so that counts repeat; the emulated TSC needs no watching.
KERNEL_OPTIONS = ["console=ttyS0", "quiet", "panic=-1", "nokaslr", "norandmaps", "tsc=reliable",
                  "mitigations=off", "audit=0", "cryptomgr.notests=1",
                  "initcall_blacklist=" + ",".join(UNWANTED_AT_BOOT)]
LIBRARY_FOLDER = "lib/x86_64-linux-gnu"


class RigError(Exception):
    """The rig cannot be built here; the message says why."""


class RigUnavailable(RigError):
    """The packages are out of reach: no fault of the rig or of what it would run."""


@dataclass
class Rig:
    """A built rig: where its parts are and what is particular about it."""

    qemu: str
    qemu_environment: dict
    kernel: str
    initramfs: str
    firmware_folders: list = field(default_factory=list)
    kernel_options: list = field(default_factory=list)
    versions: dict = field(default_factory=dict)
    note: str = ""


def build(directory, say, backports=True, refresh=False):
    """The rig below `directory`; from the cache unless its recipe changed or `refresh` is set."""
    directory = Path(directory).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory / "lock"):
        recipe = _recipe(backports)
        rig = None if refresh else _cached(directory, recipe)
        if rig:
            return rig
        say("building the nested-KVM rig (once; later runs reuse it)")
        try:
            rig = _build(directory, say, backports)
        except packages.PackageError as error:
            raise RigUnavailable(str(error)) from error
        (directory / "stamp.json").write_text(json.dumps({"recipe": recipe, "rig": asdict(rig)}))
        say("rig ready: " + ", ".join(f"{k} {v}" for k, v in rig.versions.items()))
        return rig


@contextmanager
def _locked(path):
    """Two runs at once must not build into the same folder."""
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _recipe(backports):
    """Changes whenever a rig built earlier should not be used any more, short of `refresh`."""
    digest = hashlib.sha256(f"{packages.release_codename()} {backports}".encode())
    for part in sorted([*HERE.glob("*.py"), HERE / "init.sh"]):
        digest.update(part.read_bytes())
    return digest.hexdigest()


def _cached(directory, recipe):
    try:
        stamp = json.loads((directory / "stamp.json").read_text())
    except (OSError, ValueError):
        return None
    if stamp.get("recipe") != recipe:
        return None
    rig = Rig(**stamp["rig"])
    # The folder may have been moved or partly cleaned since.
    complete = all(Path(part).exists() for part in (rig.qemu, rig.kernel, rig.initramfs))
    return rig if complete else None


def _build(directory, say, backports):
    apt, note = _package_source(directory, say, backports)
    kernels = apt.followed(KERNEL_META, "linux-image-")
    wanted = sorted({*QEMU_PACKAGES, *TOOL_PACKAGES, *kernels, *apt.lacking("qemu-system-x86")})
    root = directory / "root"
    packages.unpack(apt.download(wanted, say), root)
    kernel = _only(sorted((root / "boot").glob("vmlinuz-*")), "kernel")
    qemu = root / "usr/bin/qemu-system-x86_64"
    image = _uncompressed_kernel(kernel, root, directory / "l1-vmlinux") or kernel
    (directory / "l1-initramfs.cpio").write_bytes(_initramfs(root, qemu))
    old_qemu = packages.upstream_major(apt.candidate("qemu-system-x86")) < QEMU_WITHOUT_LOST_TIMERS
    return Rig(
        qemu=str(qemu),
        qemu_environment={"LD_LIBRARY_PATH": _library_path(root),
                          "QEMU_MODULE_DIR": str(root / "usr/lib/x86_64-linux-gnu/qemu")},
        kernel=str(image),
        initramfs=str(directory / "l1-initramfs.cpio"),
        firmware_folders=[str(root / "usr/share/seabios"), str(root / "usr/share/qemu")],
        kernel_options=KERNEL_OPTIONS + (PERIODIC_TICK if old_qemu else []),
        versions={"QEMU": apt.candidate("qemu-system-x86"), "L1 kernel": apt.candidate(kernels[-1])},
        note=note)


def _package_source(directory, say, backports):
    """apt with the packages to use, and a note where they are not the best ones."""
    apt = packages.Apt(directory / "apt")
    fresh = apt.update()
    version = apt.candidate("qemu-system-x86")
    if version is None:
        raise RigUnavailable("no lists of Debian packages: neither the system's own (apt-get "
                             "update) nor the package archive can be reached")
    if not fresh:
        say("package lists could not be renewed; going on with those at hand")
    if packages.upstream_major(version) >= QEMU_WITHOUT_LOST_TIMERS:
        return apt, ""
    suite = packages.release_codename() + "-backports"
    if backports:
        newer = packages.Apt(directory / "apt", suite)
        newer.update()
        candidate = newer.candidate("qemu-system-x86")
        if candidate and packages.upstream_major(candidate) >= QEMU_WITHOUT_LOST_TIMERS:
            return newer, ""
    note = (f"{suite} is {'out of reach' if backports else 'not wanted'}: QEMU {version} with a "
            f"periodic L1 tick ({' '.join(PERIODIC_TICK)}); timers have a 4 ms grain")
    say(note)
    return packages.Apt(directory / "apt"), note


def _only(found, what):
    if len(found) != 1:
        raise RigError(f"expected one {what} in the packages, found {len(found)}")
    return found[0]


def _uncompressed_kernel(kernel, root, out):
    """The ELF image inside a bzImage, which spares L1 the decompression under emulation.

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
                              env={**os.environ, "LD_LIBRARY_PATH": _library_path(root)})
        elf = done.stdout
    elif payload.startswith(b"\xfd7zXZ"):
        elf = lzma.LZMADecompressor().decompress(payload)
    else:
        return None
    if not elf.startswith(b"\x7fELF"):
        return None
    out.write_bytes(elf)
    return out


def _library_path(root):
    return f"{root / 'usr' / LIBRARY_FOLDER}:{root / LIBRARY_FOLDER}"


def _initramfs(root, qemu):
    archive = cpio.Archive()
    for path in ("dev", "proc", "sys", "run", "tmp", "bin", "job"):
        archive.directory(path)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    archive.file("bin/busybox", _busybox(root).read_bytes(), 0o755)
    archive.symlink("bin/sh", "busybox")
    archive.file("init", (HERE / "init.sh").read_bytes(), 0o755)
    order = []
    for name, content in _modules(root, ["kvm-amd"]):
        order.append(name)
        archive.file(f"lib/modules/{name}.ko", content)
    archive.file("lib/modules/order", "".join(name + "\n" for name in order).encode())
    archive.file("bin/qemu-system-x86_64", qemu.read_bytes(), 0o755)
    for library in _libraries(qemu, root):
        loader = library.name.startswith("ld-linux")
        folder = "lib64" if loader else LIBRARY_FOLDER
        archive.file(f"{folder}/{library.name}", library.read_bytes(), 0o755)
    for name in FIRMWARE:
        found = _firmware(root, name)
        if found:
            archive.file(f"usr/share/qemu/{name}", found.read_bytes())
    return archive.data()


def _busybox(root):
    for path in (root / "bin/busybox", root / "usr/bin/busybox"):
        if path.exists():
            return path
    raise RigError("no busybox in busybox-static")


def _firmware(root, name):
    for folder in ("usr/share/seabios", "usr/share/qemu"):
        path = root / folder / name
        if path.is_file():
            return path
    return None


def _modules(root, wanted):
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
            raise RigError(f"the L1 kernel's package has no module {name}")
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


def _libraries(program, root):
    """The shared libraries of a program: the unpacked ones first, then the system's."""
    if not shutil.which("ldd"):
        raise RigError("ldd is missing (package libc-bin)")
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": _library_path(root)})
    missing = re.findall(r"(\S+) => not found", done.stdout)
    if done.returncode != 0 or missing:
        raise RigError(f"{program.name} lacks libraries: {' '.join(missing) or done.stderr}")
    return [Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+)", done.stdout, re.MULTILINE)]
