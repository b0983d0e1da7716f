# SPDX-License-Identifier: MIT
"""The faces that VMMs show by CPUID, several at once included: what the kernel finds, what it
takes, why, and at what cost.

KVM's are those of the nested rig, where the machine's own KVM is sound too: its QEMU is new enough
to imitate Xen. docs/architecture.md has the same table under "Detection".
"""

from dataclasses import dataclass, field

from pvrun import Job

from .place import Place, slug

# The choice itself is checked from within by the self-tests of detection.
COMMANDS = "info selftest test=detect"
HYPERV = "hv-relaxed,hv-vapic,hv-time,hv-vpindex"
# QEMU's Xen needs interrupt controllers in the kernel, but for the I/O APIC.
XEN = ["-accel", "kvm,xen-version=0x4000e,kernel-irqchip=split"]
NOTHING_KNOWN = "no interface that any backend knows"
NOTHING_SHOWN = "the VMM shows no interface"


@dataclass
class Face:
    name: str
    vmm: str
    qemu: list
    called: str
    backend: str
    why: str
    exits: int
    found: list = field(default_factory=list)
    words: str = ""
    door: str = "pvh"


def _fittest(signature, base):
    return f"the fittest for {signature} at 0x{base}"


FACES = [
    Face("a processor that says it is bare costs no exit", "native",
         ["-cpu", "max,-hypervisor"], "none", "native",
         "the processor says that no VMM is there", 0),
    Face("plain QEMU, whose leaves behind the signature are rubbish, is native", "native",
         ["-cpu", "max"], "qemu-tcg", "native", NOTHING_KNOWN, 256,
         ["TCGTCGTCGTCG at 40000000, up to leaf 40000001"]),
    Face("plain QEMU without its signature is native", "native",
         ["-cpu", "max,tcg-cpuid=off"], "none", "native", NOTHING_SHOWN, 256),
    Face("KVM is found at once", "kvm", [], "kvm", "kvm", _fittest("KVMKVMKVM", "40000000"), 2,
         ["KVMKVMKVM at 40000000, up to leaf [0-9a-f]+, in use"]),
    Face("KVM is found behind Hyper-V's leaves, and taken", "kvm",
         ["-cpu", f"host,{HYPERV}"], "kvm", "kvm", _fittest("KVMKVMKVM", "40000100"), 3,
         ["Microsoft Hv at 40000000, up to leaf [0-9a-f]+",
          "KVMKVMKVM at 40000100, up to leaf [0-9a-f]+, in use"]),
    Face('KVM is found behind the leaves of "Linux KVM Hv"', "kvm",
         ["-cpu", f"host,{HYPERV},hv-vendor-id=Linux KVM Hv"], "kvm", "kvm",
         _fittest("KVMKVMKVM", "40000100"), 3,
         ["Linux KVM Hv at 40000000, up to leaf [0-9a-f]+",
          "KVMKVMKVM at 40000100, up to leaf [0-9a-f]+, in use"]),
    Face("KVM that hides is a bare machine", "kvm", ["-cpu", "host,kvm=off"], "none", "native",
         NOTHING_SHOWN, 256),
    Face("KVM that hides behind Hyper-V's leaves is no KVM", "kvm",
         ["-cpu", f"host,{HYPERV},kvm=off"], "hyper-v", "native", NOTHING_KNOWN, 256,
         ["Microsoft Hv at 40000000, up to leaf [0-9a-f]+"]),
    Face("KVM that imitates Xen is driven as Xen", "kvm", XEN, "xen", "xen-hvm",
         _fittest("XenVMMXenVMM", "40000000"), 2,
         ["XenVMMXenVMM at 40000000, up to leaf [0-9a-f]+, in use"]),
    Face("KVM that imitates Xen and Hyper-V is driven as Xen", "kvm",
         [*XEN, "-cpu", f"host,{HYPERV}"], "xen", "xen-hvm", _fittest("XenVMMXenVMM", "40000100"),
         3, ["Microsoft Hv at 40000000, up to leaf [0-9a-f]+",
             "XenVMMXenVMM at 40000100, up to leaf [0-9a-f]+, in use"]),
    Face("all bases are looked at if the command line asks", "kvm", [], "kvm", "kvm",
         _fittest("KVMKVMKVM", "40000000"), 256,
         ["KVMKVMKVM at 40000000, up to leaf [0-9a-f]+, in use"], "detect=all"),
    Face("Xen itself is found at once", "xen-dom0-pvh", [], "xen", "xen-hvm",
         _fittest("XenVMMXenVMM", "40000000"), 2,
         ["XenVMMXenVMM at 40000000, up to leaf [0-9a-f]+, in use"]),
    Face("Xen is found by its PV guests at the same cost", "xen-dom0-pv", [], "xen", "xen-pv",
         _fittest("XenVMMXenVMM", "40000000"), 2,
         ["XenVMMXenVMM at 40000000, up to leaf [0-9a-f]+, in use"], door="xen-pv"),
]


def places(kernels):
    guest = kernels.elf("guest")
    return [_place(guest, face) for face in FACES]


def _place(guest, face):
    job = Job(slug(face.name), face.vmm, guest, f"{COMMANDS} {face.words}".strip(),
              qemu_args=face.qemu, nested=face.vmm == "kvm")
    return Place(face.name, job,
                 [f"vmm      {face.called}, entered by {face.door}",
                  f"backend  {face.backend}: {face.why}",
                  *(f"found    {line}" for line in face.found),
                  f"detected with {face.exits} CPUID exits"],
                 {"found ": len(face.found)})
