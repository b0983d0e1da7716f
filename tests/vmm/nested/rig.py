# SPDX-License-Identifier: MIT
"""Builds the rig once below the build folder, and reuses it while nothing it is made of changes.

What comes out: QEMU's emulator (outer), a Debian kernel, and an initramfs that holds busybox, the
KVM modules and QEMU once more (inner). QEMU below version 10 loses a timer interrupt of an emulated
SVM host now and then, which hangs L1 for ever; so where the release has no newer one, QEMU and the
kernel come from the release's backports, and where those are out of reach the rig goes on with the
release's own and a slower periodic tick that cannot lose its only interrupt.
"""

from dataclasses import dataclass, field
from pathlib import Path

from debian import cpio, linux, packages, store
from debian.store import RigError, RigUnavailable  # noqa: F401 (for who builds the rig)

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

    def parts(self):
        return self.qemu, self.kernel, self.initramfs

    def qemu_words(self):
        """The emulator, and where its firmware is."""
        return [self.qemu, *(word for folder in self.firmware_folders for word in ("-L", folder))]


def build(directory, say, backports=True, refresh=False):
    """The rig below `directory`; from the cache unless its recipe changed or `refresh` is set."""
    directory = Path(directory).resolve()

    def make():
        say("building the nested-KVM rig (once; later runs reuse it)")
        rig = _build(directory, say, backports)
        say("rig ready: " + ", ".join(f"{k} {v}" for k, v in rig.versions.items()))
        return rig

    with store.locked(directory):
        return store.built(directory, store.recipe(backports, HERE), Rig, make, refresh)


def _build(directory, say, backports):
    apt, note = _package_source(directory, say, backports)
    kernels = apt.followed(KERNEL_META, "linux-image-")
    wanted = sorted({*QEMU_PACKAGES, *TOOL_PACKAGES, *kernels, *apt.lacking("qemu-system-x86")})
    root = directory / "root"
    packages.unpack(apt.download(wanted, say), root)
    kernel = store.only(sorted((root / "boot").glob("vmlinuz-*")), "kernel")
    qemu = root / "usr/bin/qemu-system-x86_64"
    image = linux.uncompressed(kernel, root, directory / "l1-vmlinux") or kernel
    (directory / "l1-initramfs.cpio").write_bytes(_initramfs(root, qemu))
    old_qemu = packages.upstream_major(apt.candidate("qemu-system-x86")) < QEMU_WITHOUT_LOST_TIMERS
    return Rig(
        qemu=str(qemu),
        qemu_environment={"LD_LIBRARY_PATH": linux.library_path(root),
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


def _initramfs(root, qemu):
    archive = cpio.Archive()
    for path in ("dev", "proc", "sys", "run", "tmp", "bin", "job"):
        archive.directory(path)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    linux.add_busybox(archive, root)
    linux.add_init(archive, HERE / "init.sh")
    linux.add_modules(archive, root, ["kvm-amd"])
    archive.file("bin/qemu-system-x86_64", qemu.read_bytes(), 0o755)
    linux.add_libraries(archive, [qemu], root)
    for name in FIRMWARE:
        found = _firmware(root, name)
        if found:
            archive.file(f"usr/share/qemu/{name}", found.read_bytes())
    return archive.data()


def _firmware(root, name):
    for folder in ("usr/share/seabios", "usr/share/qemu"):
        path = root / folder / name
        if path.is_file():
            return path
    return None
