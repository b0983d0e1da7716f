# SPDX-License-Identifier: MIT
"""The minimal kernel boots by each door, on emulated machines of each kind, or says why not.

    test_boot.py MINIMAL.elf MINIMAL.mb1 NAME

Runs one QEMU for at most a minute; exits with 77 (skipped) if there is none.
"""
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'vmm'))
from pvrun import disc, process  # noqa: E402

SKIPPED = 77
# What isa-debug-exit makes of status 0 and 1: lib/x86/debug_exit.h.
GOOD, BAD = 33, 35
BARE = ['-accel', 'tcg', '-cpu', 'max', '-m', '128', '-nodefaults', '-display', 'none',
        '-no-reboot', '-serial', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4']
WORDS = 'some words'
NO_DEVICES = 'microvm,pit=off,pic=off,rtc=off'


def direct(file, machine, words=WORDS):
    return lambda: (['-M', machine, '-kernel', str(file), '-append', words,
                     '-initrd', str(pathlib.Path(__file__))], None)


def from_disc(file, machine, words=WORDS):
    """A disc with GRUB on it, if the tools for one are here."""
    def prepare():
        if disc.missing():
            return None, None
        folder = tempfile.TemporaryDirectory()
        image = disc.make(pathlib.Path(folder.name) / 'disc.iso', file, words, __file__)
        return ['-M', machine, '-cdrom', str(image)], folder
    return prepare


def hello(door):
    return [f'hello: door {door}, VMM ', 'clock tsc, command line: ' + WORDS, 'ticked ten times']


def cases(elf, mb1):
    """name: how to boot, what must be said, QEMU's exit status (None: it does not end)."""
    return {
        **{f'pvh-{machine}': (direct(elf, machine), hello('pvh'), GOOD)
           for machine in ('pc', 'q35', 'microvm')},
        **{f'multiboot1-{machine}': (direct(mb1, machine), hello('multiboot1'), GOOD)
           for machine in ('pc', 'q35')},
        **{f'multiboot2-{machine}': (from_disc(elf, machine), hello('multiboot2'), GOOD)
           for machine in ('pc', 'q35')},
        'nothing-to-tick-by': (direct(elf, NO_DEVICES),
                               ['pvops: no clock: nothing tells the TSC frequency',
                                'minimal: nothing to tick by'], BAD),
        'no-long-mode': (lambda: (direct(elf, 'pc')()[0] + ['-cpu', 'qemu32'], None),
                         ['pvops: this CPU has no 64-bit mode'], None),
    }


def listen(words, expected, endless):
    """What QEMU prints, and its exit status. An endless guest is ended when it has said all."""
    deadline, lines = time.monotonic() + 60, []
    with process.Child(['qemu-system-x86_64', *BARE, *words]) as child:
        try:
            while (line := child.line(deadline)) is not None:
                lines.append(line)
                if endless and all(any(text in said for said in lines) for text in expected):
                    return lines, None
            return lines, child.wait(deadline)
        except process.TimeOut:
            return lines, 'none within a minute'


def main(elf, mb1, name):
    prepare, expected, status = cases(elf, mb1)[name]
    if shutil.which('qemu-system-x86_64') is None:
        return SKIPPED
    words, _keep = prepare()
    if words is None:
        return SKIPPED
    lines, ended = listen(words, expected, status is None)
    output = '\n'.join(lines)
    print(output)
    missing = [line for line in expected if line not in output]
    if missing or ended != status:
        print(f'not said: {missing}; QEMU ended with {ended}, expected {status}')
        return 1
    return 0


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
