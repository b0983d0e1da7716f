# SPDX-License-Identifier: MIT
"""Machines that lack what old kernels take for granted: PIT, CMOS clock, 8259, I/O APIC."""

from pvrun import Job

from .place import Place

BARE = ["-M", "microvm,pit=off,pic=off,rtc=off"]
# Says what does not work without, and must not hang in waiting for it.
COMMANDS = "info selftest test=detect+irq+timer+trap+users"


def places(kernels):
    guest, minimal = kernels.elf("guest"), kernels.elf("minimal")
    return [
        Place("without PIT, CMOS and 8259 the self-test passes by KVM's clock",
              Job("bare-machine", "kvm", guest, COMMANDS, qemu_args=BARE),
              ["vmm      kvm, entered by pvh", r"clock    kvmclock, tsc \d+ kHz"]),
        Place("without PIT, CMOS and 8259 the minimal kernel ticks by KVM's clock",
              Job("bare-hello", "kvm", minimal, "", tap=False, qemu_args=BARE),
              ["ticked ten times"]),
        Place("without PIT, CMOS, 8259 and any VMM's clock the kernel says that nothing tells time",
              Job("no-clock", "native", guest, "info", tap=False, qemu_args=BARE),
              ["# pvops: no clock: nothing tells the TSC frequency, and there is no timer to "
               "measure it", "clock    none, tsc 0 kHz"]),
    ]
