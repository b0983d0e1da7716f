# SPDX-License-Identifier: MIT
"""QEMU command lines: the plain emulated machine, the machine under KVM, instruction counting."""

COUNTING = ["-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm", "-seed", "1"]
BARE = ["-nodefaults", "-no-reboot", "-display", "none"]
DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
# GRUB reads no more than a track at a time. QEMU guesses tracks from what it takes for a table of partitions: four
# sectors, with some discs.
GEOMETRY = "cyls=1024,heads=16,secs=63"


def command(qemu, job, kernel, accel, cpu, extra=(), initrd=None):
    """argv for one guest. What the job's own arguments name replaces the default."""
    defaults = {"-accel": accel, "-cpu": cpu, "-m": str(job.mem), "-smp": str(job.smp)}
    words = [qemu, *BARE, *DEBUG_EXIT, "-serial", "stdio", *extra]
    for option, value in defaults.items():
        if option not in job.qemu_args:
            words += [option, value]
    return [*words, *_medium(job, kernel, initrd), *job.qemu_args]


def _medium(job, kernel, initrd):
    """A disc is shown as a virtio disk: reading an IDE drive by port takes half a minute nested."""
    if job.disc:
        return ["-drive", f"file={kernel},format=raw,if=none,id=disc,readonly=on",
                "-device", f"virtio-blk-pci,drive=disc,{GEOMETRY}"]
    words = ["-kernel", str(kernel), "-append", job.cmdline]
    return words + (["-initrd", str(initrd)] if initrd else [])


def emulated(job, extra=()):
    """A machine without any para-virtual interface: not even the hypervisor bit. CPUs take turns: in
    parallel one may miss that another has changed the text that it runs (docs/vmms.md)."""
    accel = "tcg,thread=single" if job.icount or job.smp > 1 else "tcg"
    return command("qemu-system-x86_64", job, job.kernel, accel, "max,-hypervisor",
                   [*(COUNTING if job.icount else []), *extra], job.initrd)


def accelerated(job):
    """The host's own KVM."""
    return command("qemu-system-x86_64", job, job.kernel, "kvm", "host", initrd=job.initrd)
