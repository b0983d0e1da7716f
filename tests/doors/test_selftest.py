# SPDX-License-Identifier: MIT
"""The example kernel passes all of its self-test whichever door it comes in by, on machines without
any para-virtual interface.

    test_selftest.py GUEST-KERNEL.elf GUEST-KERNEL.mb1 DOOR-MACHINE

./check guest runs the same by PVH on QEMU's `pc`, and on other VMMs. Runs one QEMU for at most two
minutes; exits with 77 (skipped) if there is none.
"""
import pathlib
import shutil
import subprocess
import sys

from test_boot import BARE, SKIPPED, direct, from_disc

from pvrun.jobs import Job, judge  # noqa: E402
from pvrun.tap import Tap  # noqa: E402

COMMANDS = 'info selftest'
# The fewest checks that must pass, in a kernel that is bound to a backend too.
PASSED = 40


def main(elf, mb1, name):
    door, machine = name.split('-')
    how = {'pvh': (direct, elf), 'multiboot1': (direct, mb1), 'multiboot2': (from_disc, elf)}
    boot, file = how[door]
    if shutil.which('qemu-system-x86_64') is None:
        return SKIPPED
    words, _keep = boot(file, machine, COMMANDS)()
    if words is None:
        return SKIPPED
    status, output, trouble = None, b'', ''
    try:
        done = subprocess.run(['qemu-system-x86_64', *BARE, '-cpu', 'max,-hypervisor', *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        output, trouble = late.stdout or b'', 'the time is over'
    output = output.decode(errors='replace').replace('\r', '')
    print(output)
    tap = Tap()
    for line in output.splitlines():
        tap.feed(line)
    _, reason = judge(Job(name, 'native', file, COMMANDS), status, trouble, tap)
    if not reason and f'vmm      none, entered by {door}\n' not in output:
        reason = f'not entered by {door}'
    if not reason and len(tap.passed) < PASSED:
        reason = f'{len(tap.passed)} checks passed, {len(tap.skipped)} were skipped'
    print(f'# {reason or "good"}')
    return 1 if reason else 0


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
