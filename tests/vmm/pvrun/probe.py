# SPDX-License-Identifier: MIT
"""Is this machine's /dev/kvm sound? A tiny guest makes one hypercall, and has two seconds.

Presence proves nothing: some hosts offer a software-only KVM that starts guests, or half starts
them, and never returns from a hypercall.
"""

import hashlib
import json
import os
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from . import native
from .jobs import EXIT_FAILURE, EXIT_SUCCESS, Job, judge
from .process import Child, Flood, TimeOut
from .tap import Tap

SOURCE = Path(__file__).resolve().parent.parent / "probe"
# Of each guest: its linker script and its sources.
SOURCES = {"probe": ["probe.ld", "probe.S"], "xen": ["probe.ld", "xen_entry.S", "xen.c"],
           "loader": ["loader.ld", "loader.S"]}
FLAGS = ["-nostdlib", "-static", "-no-pie", "-fno-pie", "-ffreestanding", "-O1", "-mno-red-zone",
         "-mgeneral-regs-only", "-fno-stack-protector", "-fcf-protection=none",
         "-fno-asynchronous-unwind-tables", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments"]
SECONDS = 2


class ProbeError(Exception):
    """The probe guest cannot be built or started."""


@dataclass
class Finding:
    sound: bool
    why: str


def guest(build, name="probe"):
    """A guest of SOURCES below the build folder, built anew when its source changed."""
    out = Path(build) / "probe" / f"{name}.elf"
    script, *sources = [SOURCE / part for part in SOURCES[name]]
    newest = max(part.stat().st_mtime for part in [script, *sources])
    if out.exists() and out.stat().st_mtime > newest:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    argv = ["cc", *FLAGS, f"-Wl,-T,{script}", "-o", str(fresh), *map(str, sources)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise ProbeError("no C compiler (cc) to build the probe guest") from None
    if done.returncode != 0:
        raise ProbeError(f"the probe guest does not build:\n{done.stderr}")
    fresh.replace(out)
    return out


def kvm(build, device="/dev/kvm"):
    """The finding about `device`; remembered until the machine boots anew or the probe changes."""
    if not os.path.exists(device):
        return Finding(False, f"there is no {device}")
    if not os.access(device, os.R_OK | os.W_OK):
        return Finding(False, f"{device} is there, but not for this user")
    kernel = guest(build)
    key = hashlib.sha256(kernel.read_bytes() + _boot_id()).hexdigest()
    memory = Path(build) / "probe" / "kvm.json"
    try:
        known = json.loads(memory.read_text())
        if known.pop("key") == key:
            return Finding(**known)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    finding = _try(kernel, device)
    memory.write_text(json.dumps({"key": key, **asdict(finding)}))
    return finding


def _boot_id():
    return Path("/proc/sys/kernel/random/boot_id").read_bytes()


def _try(kernel, device):
    job = Job("probe", "kvm", kernel, "hypercall", mem=16, timeout=SECONDS)
    tap, status, said = Tap(), None, ""
    deadline = time.monotonic() + SECONDS
    try:
        with Child(native.accelerated(job)) as child:
            while (line := child.line(deadline)) is not None:
                tap.feed(line)
                said = line if line.strip() else said
            status = child.wait(deadline)
    except FileNotFoundError:
        raise ProbeError("qemu-system-x86_64 is not installed") from None
    except (TimeOut, Flood):
        return Finding(False, f"{device} is there, but a guest that makes one hypercall had not "
                              f"powered off after {SECONDS} seconds")
    ok, reason = judge(job, status, "", tap)
    if ok:
        return Finding(True, f"{device}: a guest made a hypercall and powered off")
    if said and status not in (EXIT_SUCCESS, EXIT_FAILURE):
        # Of "program: file: function: message", the message.
        reason = f"QEMU ended with status {status}: {said.strip().rpartition(': ')[2][:80]}"
    return Finding(False, f"{device} is there, but the probe guest failed: {reason}")
