# SPDX-License-Identifier: MIT
"""Builds the Xen rigs below the build folder, each once, and reuses them.

Two rigs: the hypervisor alone (two megabytes of packages), which is all that a guest as dom0 needs;
and a Linux dom0, whose initramfs holds xenstored, xenconsoled and xl. What HVM guests need besides
is in an initramfs of its own, as large as all the rest: QEMU as their device model, and firmware.
The hypervisor is there once more where the release has one that is too old for something.
"""

import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path

from debian import cpio, linux, packages, store

HERE = Path(__file__).resolve().parent
# Depends on the release's hypervisor and tools, whose names carry Xen's version.
META = "xen-system-amd64"
# The first that passes machine checks on, and where one is looked for if the release's is older.
NEWER = (4, 19)
NEWER_SUITE = "stable"
# The cloud flavour of the kernel cannot be a dom0.
KERNEL_META = "linux-image-amd64"
# QEMU where xl looks for it, and the firmware that it brings up a guest with.
DEVICE_MODEL_META = "qemu-system-xen"
DEVICE_MODEL = "usr/libexec/xen-qemu-system-i386"
DEVICE_MODEL_DATA = ["qemu-system-data", "seabios"]
# It reads a keymap for the screen that it has not. Option ROMs are what boots a kernel that xl names.
DEVICE_MODEL_FILES = ["usr/share/seabios/bios-256k.bin", "usr/share/qemu/pvh.bin",
                      "usr/share/qemu/linuxboot.bin", "usr/share/qemu/linuxboot_dma.bin",
                      "usr/share/qemu/multiboot.bin", "usr/share/qemu/multiboot_dma.bin"]
KEYMAPS = "usr/share/qemu/keymaps"
MODULES = ["xenfs", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd"]
# libxl starts this one by itself for a guest that is saved or restored.
TOOLS = ["xl", "xenstored", "xenconsoled", "xen-init-dom0", "libxl-save-helper"]
# Boot work that a dom0 has no use for and that takes seconds under emulation. Half of its boot is
# left: a PV kernel looks at each page of the 512 GiB that it could be given later.
UNWANTED_AT_BOOT = ["jent_mod_init", "load_system_certificate_list", "crypto_kdf108_init",
                    "trace_eval_init", "tracer_init_tracefs", "cubictcp_register"]
# Without rodata=off the kernel walks all its page tables for a warning.
KERNEL_OPTIONS = ["console=hvc0", "quiet", "panic=-1", "nokaslr", "norandmaps", "rodata=off",
                  "mitigations=off", "audit=0", "cryptomgr.notests=1",
                  "initcall_blacklist=" + ",".join(UNWANTED_AT_BOOT)]


@dataclass
class Hypervisor:
    """Xen as an ELF file that QEMU's -kernel takes (by multiboot)."""

    image: str
    version: str

    def parts(self):
        return (self.image,)


@dataclass
class Dom0:
    """A Linux kernel and initramfs that become Xen's control domain."""

    xen: str
    kernel: str
    initramfs: str
    device_model: str = ""
    kernel_options: list = field(default_factory=list)
    versions: dict = field(default_factory=dict)

    def parts(self):
        return self.xen, self.kernel, self.initramfs, self.device_model


def hypervisor(rigs, say, refresh=False, newer=False):
    """The hypervisor's rig below `rigs`, the folder of all rigs. `newer`: not before NEWER."""
    rigs = Path(rigs).resolve()
    with store.locked(rigs):
        return (_newer if newer else _hypervisor)(rigs, say, refresh)


def dom0(rigs, say, refresh=False):
    """The Linux dom0's rig below `rigs`."""
    rigs = Path(rigs).resolve()
    folder = rigs / "dom0"

    def make():
        say("building the Xen rig's dom0 (once; later runs reuse it)")
        rig = _make_dom0(rigs, folder, xen, say)
        say("rig ready: " + ", ".join(f"{k} {v}" for k, v in rig.versions.items()))
        return rig

    with store.locked(rigs):
        xen = _hypervisor(rigs, say, refresh)
        return store.built(folder, store.recipe(xen.version, HERE), Dom0, make, refresh)


def _hypervisor(rigs, say, refresh):
    folder = rigs / "xen"
    return store.built(folder, store.recipe("hypervisor", HERE), Hypervisor,
                       lambda: _make_hypervisor(rigs, folder, say), refresh)


def _newer(rigs, say, refresh):
    folder = rigs / "xen-newer"
    return store.built(folder, store.recipe("newer hypervisor", HERE), Hypervisor,
                       lambda: _make_newer(rigs, folder, say), refresh)


def _make_hypervisor(rigs, folder, say):
    return _unpacked(_package_source(rigs / "apt", say), folder, say)


def _make_newer(rigs, folder, say):
    apt = _package_source(rigs / "apt", say)
    if _release(apt) < NEWER:
        apt = _package_source(folder / "apt", say, NEWER_SUITE)
    if _release(apt) < NEWER:
        raise store.RigUnavailable(f"{NEWER_SUITE} has no Xen from {'%d.%d' % NEWER} on")
    return _unpacked(apt, folder, say)


def _release(apt):
    """(4, 17) where the package of the hypervisor has that in its name."""
    numbers = re.search(r"(\d+)\.(\d+)", _hypervisor_package(apt))
    return tuple(map(int, numbers.groups()))


def _hypervisor_package(apt):
    return _versioned(apt, "xen-hypervisor-", "-amd64")


def _unpacked(apt, folder, say):
    name = _hypervisor_package(apt)
    root = folder / "root"
    packages.unpack(apt.download([name], say), root)
    packed = store.only(sorted((root / "boot").glob("xen-*.gz")), "hypervisor")
    image = folder / "xen.elf"
    image.write_bytes(gzip.decompress(packed.read_bytes()))
    return Hypervisor(str(image), apt.candidate(name))


def _make_dom0(rigs, folder, xen, say):
    apt = _package_source(rigs / "apt", say)
    utils = _versioned(apt, "xen-utils-")
    kernels = apt.followed(KERNEL_META, "linux-image-")
    # The C library is the system's: programs of one release go with it.
    wanted = {"busybox-static", "xenstore-utils", *DEVICE_MODEL_DATA, *kernels,
              *apt.followed(utils, "lib"), *apt.followed(DEVICE_MODEL_META, "lib")} - {"libc6"}
    root = folder / "root"
    packages.unpack(apt.download(sorted(wanted), say), root)
    kernel = store.only(sorted((root / "boot").glob("vmlinuz-*")), "kernel")
    image = linux.uncompressed(kernel, root, folder / "vmlinux") or kernel
    initramfs = folder / "initramfs.cpio"
    initramfs.write_bytes(_initramfs(root))
    device_model = folder / "device-model.cpio"
    device_model.write_bytes(_device_model(root))
    return Dom0(xen=xen.image, kernel=str(image), initramfs=str(initramfs),
                device_model=str(device_model), kernel_options=KERNEL_OPTIONS,
                versions={"Xen": xen.version, "dom0 kernel": apt.candidate(kernels[-1]),
                          "device model": apt.candidate(DEVICE_MODEL_META)})


def _package_source(folder, say, suite=None):
    apt = packages.Apt(folder, suite)
    fresh = apt.update()
    if apt.candidate(META) is None:
        raise store.RigUnavailable("no lists of Debian packages: neither the system's own (apt-get "
                                   "update) nor the package archive can be reached")
    if not fresh:
        say("package lists could not be renewed; going on with those at hand")
    return apt


def _versioned(apt, prefix, suffix=""):
    """The dependency of Xen's meta package that is named so, with a version in between."""
    return store.only([name for name in apt.depends(META)
                       if name.startswith(prefix) and name.endswith(suffix)
                       and any(digit in name for digit in "0123456789")], f"package {prefix}*")


def _initramfs(root):
    archive = cpio.Archive()
    for path in ("dev", "proc", "sys", "run", "tmp", "bin", "job", "etc/xen/scripts",
                 "var/log/xen", "var/lib/xen", "var/lib/xenstored"):
        archive.directory(path)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    archive.symlink("var/run", "/run")
    archive.symlink("var/lock", "/run")
    archive.file("etc/xen/xl.conf", b'autoballoon="off"\n')
    linux.add_busybox(archive, root)
    linux.add_init(archive, HERE / "init.sh")
    archive.file("bin/domain", (HERE / "domain.sh").read_bytes(), 0o755)
    linux.add_modules(archive, root, MODULES)
    programs = _add_programs(archive, root)
    linux.add_libraries(archive, programs, root)
    # The C library loads this one by itself when a thread ends.
    linux.add_library(archive, "libgcc_s.so.1", root)
    return archive.data()


def _device_model(root):
    """An initramfs that is added to the other one."""
    archive = cpio.Archive()
    program = root / DEVICE_MODEL
    archive.file(DEVICE_MODEL, program.read_bytes(), 0o755)
    linux.add_libraries(archive, [program], root)
    loader = store.only(sorted((root / "usr/lib").glob("xen-*/boot/hvmloader")), "hvmloader")
    files = [loader, *(root / name for name in DEVICE_MODEL_FILES),
             *sorted((root / KEYMAPS).iterdir())]
    for path in files:
        archive.file(str(path.relative_to(root)), path.read_bytes())
    return archive.data()


def _add_programs(archive, root):
    """Xen's tools at the paths they were compiled for, and names for them on the search path."""
    folder = store.only(sorted((root / "usr/lib").glob("xen-*/bin")), "folder of Xen's tools")
    programs = [folder / name for name in TOOLS]
    for program in programs:
        path = program.relative_to(root)
        archive.file(str(path), program.read_bytes(), 0o755)
        archive.symlink(f"bin/{program.name}", f"/{path}")
    store_client = root / "usr/bin/xenstore"
    archive.file("bin/xenstore", store_client.read_bytes(), 0o755)
    for verb in ("list", "read", "watch", "write"):
        archive.symlink(f"bin/xenstore-{verb}", "xenstore")
    return [*programs, store_client]
