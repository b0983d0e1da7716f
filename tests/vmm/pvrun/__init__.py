# SPDX-License-Identifier: MIT
"""Runs guest kernels in real VMMs and says, honestly, how it went.

    from pvrun import Job, run_jobs
    results = run_jobs([Job("self-test", "native", "guest-kernel.elf", "selftest")])

A verdict is good only if the guest's exit status and its TAP agree. Everything that is started is
ended, whatever happens, and every wait is bounded.
"""

from .jobs import Job, Result
from .runner import VMMS, run_jobs

__all__ = ["Job", "Result", "VMMS", "run_jobs"]
