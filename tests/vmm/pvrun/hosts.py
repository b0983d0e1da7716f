# SPDX-License-Identifier: MIT
"""The systems that can be L1 (l1.py): how each is booted, and what a job is there."""

import shlex
from pathlib import Path

from debian import linux

from . import native, xen

TCG = {False: ["-accel", "tcg,thread=multi"],
       True: ["-accel", "tcg,thread=single", *native.COUNTING]}


OUTSIDE = Path(__file__).with_name("outside.sh")
# Pipes of QEMU: what the guest sends comes out of .out, what it is sent goes into .in.
PIPES = "/run/outside", "/run/monitor"
SWAP_BYTES = 1 << 30
# So much may jobs carry into dom0 in the memory that it always has.
USUAL_LOAD_MIB = 8
SWAP_MODULES = ["virtio-blk"]
OUTSIDE_QEMU = ["-serial", f"pipe:{PIPES[0]}", "-monitor", f"pipe:{PIPES[1]}",
                "-name", "guest,debug-threads=on"]


class NestedKvm:
    """A Linux whose KVM runs the guests, each in a QEMU of its own."""

    name = "nested KVM"
    folder = "nested"
    own_mib = 640
    more_initramfs = ()

    def __init__(self, rig):
        self._rig = rig
        self._swap = False
        self.versions = rig.versions
        self.initramfs = rig.initramfs
        self.environment = rig.qemu_environment

    def command(self, icount, mib, initramfs, log, nonce):
        words = [*self._rig.qemu_words(), *native.BARE]
        options = [*self._rig.kernel_options, f"pvops.nonce={nonce}"]
        if self._swap:
            words += _swap_disc(Path(self.initramfs).with_name("swap.img"))
        return [*words, *TCG[icount], "-cpu", "max", "-m", str(mib), "-serial", f"file:{log}",
                "-serial", "stdio", "-kernel", self._rig.kernel, "-initrd", str(initramfs),
                "-append", " ".join(options)]

    def job_files(self, index, job, store):
        """Texts of the files of a job's folder; `store(path)` carries a file into L1."""
        extra = ["-L", "/usr/share/qemu", *(OUTSIDE_QEMU if job.outside else [])]
        words = native.command("qemu-system-x86_64", job, store(job.kernel), "kvm", "host", extra,
                               store(job.initrd) if job.initrd else None)
        for path in job.files:
            inside = store(path)
            words = [word.replace(str(path), inside) for word in words]
        files = {"run": f"exec {shlex.join(words)}\n"}
        if job.outside:
            pipes = " ".join(f"{pipe}.{end}" for pipe in PIPES for end in ("in", "out"))
            files["run"] = (f"rm -f {pipes}\nmkfifo {pipes}\n"
                            f"sh /job/{index}/outside $$ >/dev/null 2>&1 &\n" + files["run"])
            files["outside"] = OUTSIDE.read_text()
        if job.lent:
            self._swap = True
            files["run"] = self._short_of_memory(index, job.lent, files) + files["run"]
        return files

    def _short_of_memory(self, index, mib, files):
        """Commands that leave so much memory to what comes behind them, and the files for it."""
        root = Path(self.initramfs).with_name("root")
        lines = ["[ -b /dev/vda ] || {"]
        for name, content in linux.modules(root, SWAP_MODULES):
            files[f"{name}.ko"] = content
            lines.append(f"insmod /job/{index}/{name}.ko")
        group = "/sys/fs/cgroup"
        return "\n".join([*lines, "mkswap /dev/vda >/dev/null", "swapon /dev/vda",
                          f"mount -t cgroup2 group {group}",
                          f"echo +memory >{group}/cgroup.subtree_control",
                          f"mkdir {group}/guest", "}",
                          f"echo {mib}M >{group}/guest/memory.max",
                          f"echo $$ >{group}/guest/cgroup.procs", ""])


def _swap_disc(path):
    """Words that give L1 an empty disc, which nothing is ever kept on."""
    with open(path, "ab") as disc:
        disc.truncate(SWAP_BYTES)
    return ["-drive", f"file={path},format=raw,if=none,id=swap,snapshot=on",
            "-device", "virtio-blk-pci,drive=swap"]


# No screen, no keyboard, and nobody who asks for them. Firmware is to boot from a CD: of hard disks it
# tries one only, and that is an IDE drive, where there is any.
HVM_DEVICES = ["boot = 'd'", "vga = 'none'", "vnc = 0", "usb = 0"]
# A CD drive behind AHCI is read by DMA. xl has them behind IDE only, where they are read by port, which
# takes a minute; so this is the device model's alone.
DISC = ["-device", "ahci,id=boot", "-drive", "if=none,id=disc,media=cdrom,format=raw,file={}",
        "-device", "ide-cd,bus=boot.0,drive=disc"]


class XenDom0:
    """Xen with a Linux dom0, whose xl runs each guest as a domU."""

    name = "Xen"
    folder = "xen"
    environment = {}

    def __init__(self, rig):
        self._rig = rig
        self._has_device_model = False
        self.versions = rig.versions
        self.initramfs = rig.initramfs

    @property
    def dom0_mib(self):
        """What jobs carry comes on top; a device model is a process as large as the rest."""
        return 288 if self._has_device_model else 192

    @property
    def own_mib(self):
        return self.dom0_mib + 192

    @property
    def more_initramfs(self):
        return (self._rig.device_model,) if self._has_device_model else ()

    def command(self, icount, mib, initramfs, log, nonce):
        kernel = [self._rig.kernel, *self._rig.kernel_options, f"pvops.nonce={nonce}"]
        more = self._more_mib(initramfs)
        return [*xen.machine(icount, mib + more, 1), "-serial", f"file:{log}", "-serial", "stdio",
                *xen.boot(self._rig.xen, [f"dom0_mem={self.dom0_mib + more}M"],
                          [" ".join(kernel), str(initramfs)])]

    def _more_mib(self, initramfs):
        """What dom0 needs beyond its usual memory for what jobs carry into it: room for the packed
        and the unpacked, and for what xl makes of a kernel."""
        carried = Path(initramfs).stat().st_size - Path(self.initramfs).stat().st_size
        return 3 * max(0, (carried >> 20) - USUAL_LOAD_MIB)

    def job_files(self, index, job, store):
        """The job's own arguments are lines of the domain's configuration (man xl.cfg)."""
        kind = job.vmm.rpartition("-")[2]
        lines = [f"name = {_quoted(f'job{index}')}",
                 f"type = {_quoted(kind)}",
                 f"memory = {job.mem}",
                 f"vcpus = {job.smp}"]
        if kind == "hvm":
            self._has_device_model = True
            lines += HVM_DEVICES
        if job.disc:
            words = [word.format(store(job.kernel)) for word in DISC]
            lines.append(f"device_model_args = [{', '.join(map(_quoted, words))}]")
        else:
            lines += [f"kernel = {_quoted(store(job.kernel))}", f"cmdline = {_quoted(job.cmdline)}"]
        if job.initrd:
            lines.append(f"ramdisk = {_quoted(store(job.initrd))}")
        for line in job.qemu_args:
            for path in job.files:
                line = line.replace(str(path), store(path))
            lines.append(line)
        return {"run": f"exec /bin/domain {index}\n", "config": "\n".join(lines) + "\n"}


def _quoted(text):
    """A string in xl's configuration language, which knows no escape for both kinds of quotes."""
    mark = "'" if '"' in text else '"'
    if mark in text or "\n" in text:
        raise ValueError(f"xl's configuration cannot hold this text: {text!r}")
    return mark + text.replace("\\", "\\\\") + mark
