# SPDX-License-Identifier: MIT
"""QEMU command lines that boot Xen, with the guest as dom0 or with a Linux that serves guests."""

from . import native

# What Xen's guests trip over in QEMU's emulation: SMAP at a PV kernel's first return to user mode,
# rdtscp in the emulation of SVM, AVX state now and then.
CPU = "max,-smap,-rdtscp,-xsave,-avx,-avx2"
# Whose machine checks Xen passes on.
INTEL = "vendor=GenuineIntel,family=6,model=58"
# Xen says all it knows: its messages never mix with the guest's lines (serial.py, l1.py).
OPTIONS = ["console=com1", "com1=115200,8n1", "loglvl=all", "guest_loglvl=all"]
KINDS = {"xen-dom0-pv": [], "xen-dom0-pvh": ["dom0=pvh"]}
# A PVH dom0 wants an IOMMU. Where a job's machine has none, and with this option, it lacks only the ACPI
# tables, and so lines of devices.
NO_IOMMU = "dom0-iommu=none"
OWN_MIB = 192


def machine(icount, mib, smp, qemu=("qemu-system-x86_64",), cpu=CPU):
    """argv up to the devices. Xen's clock calibration fails now and then with several threads."""
    counting = native.COUNTING if icount else []
    return [*qemu, *native.BARE, "-accel", "tcg,thread=single", *counting,
            "-cpu", cpu, "-m", str(mib), "-smp", str(smp)]


def boot(image, options, modules):
    """The words that start Xen by multiboot. QEMU splits -initrd at single commas."""
    return ["-kernel", image, "-append", " ".join(["xen", *OPTIONS, *options]),
            "-initrd", ",".join(module.replace(",", ",,") for module in modules)]


def wants_new_qemu(job):
    """QEMU before 9.1 forgets the interrupt shadow of a guest that it emulates, and may inject an
    interrupt twice. On a machine with one CPU that is hardly seen, and PV guests do not meet it.
    Counting stays with one version, so that figures can be compared."""
    return job.vmm == "xen-dom0-pvh" and job.smp > 1 and not job.icount


def as_dom0(image, job, qemu=("qemu-system-x86_64",)):
    """argv for a guest that is dom0: the one guest on the machine, with its devices. `qemu`: the
    emulator, and where its firmware is."""
    options = [f"dom0_mem={job.mem}M", f"dom0_max_vcpus={job.smp}", *KINDS[job.vmm]]
    if job.vmm == "xen-dom0-pvh" and not any("iommu" in word for word in job.qemu_args):
        options.append(NO_IOMMU)
    modules = [f"{job.kernel} {job.words}", *([str(job.initrd)] if job.initrd else [])]
    cpu = f"{CPU},{INTEL}" if job.newer else CPU
    return [*machine(job.icount, job.mem + OWN_MIB, job.smp, qemu, cpu), *native.DEBUG_EXIT,
            "-serial", "stdio", *boot(image, options, modules), *job.qemu_args]
