# SPDX-License-Identifier: MIT
"""The minimal kernel says hello and ticks on every VMM. Natively, by every door: tests/doors."""

from pvrun import Job

from .place import Place

WORDS = "some words"
# VMM, QEMU's machine, door; what the kernel calls the VMM, its backend and its clock.
RUNS = [
    ("kvm", "pc", "pvh", "kvm", "kvm", "kvmclock"),
    ("kvm", "q35", "pvh", "kvm", "kvm", "kvmclock"),
    ("kvm", "microvm", "pvh", "kvm", "kvm", "kvmclock"),
    ("kvm", "pc", "multiboot1", "kvm", "kvm", "kvmclock"),
    ("kvm", "pc", "multiboot2", "kvm", "kvm", "kvmclock"),
    ("xen-dom0-pvh", "", "pvh", "xen", "xen-hvm", "xen"),
    ("xen-domu-pvh", "", "pvh", "xen", "xen-hvm", "xen"),
]


def places(kernels):
    return [_place(kernels, *run) for run in RUNS]


def _place(kernels, vmm, machine, door, shown, backend, clock):
    where = f"{vmm}{' ' + machine if machine else ''} by {door}"
    file, is_disc = kernels.by_door(door, "minimal", WORDS)
    job = Job(f"hello-{machine or 'default'}-{door}", vmm, file, WORDS, tap=False, disc=is_disc,
              qemu_args=["-M", machine] if machine else [])
    return Place(f"the minimal kernel says hello and ticks on {where}", job,
                 [f"hello: door {door}, VMM {shown}, backend {backend}, clock {clock}, "
                  f"command line: {WORDS}", "ticked ten times"])
