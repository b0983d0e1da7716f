# SPDX-License-Identifier: MIT
"""A disc with GRUB on it, for what QEMU's -kernel cannot do: boot a kernel by multiboot2."""

import shutil
import subprocess
import tempfile
from pathlib import Path

TOOLS = ("grub-mkrescue", "xorriso", "mformat")
MENU = """set timeout=0
multiboot2 /kernel {words}
module2 /module a module
boot
"""


def missing():
    """The tools that are not here."""
    return [tool for tool in TOOLS if not shutil.which(tool)]


def make(disc, kernel, words, module):
    """Writes the file `disc`, from which `kernel` boots with the command line `words`."""
    disc = Path(disc)
    disc.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        (root / "boot/grub").mkdir(parents=True)
        shutil.copy(kernel, root / "kernel")
        shutil.copy(module, root / "module")
        (root / "boot/grub/grub.cfg").write_text(MENU.format(words=words))
        fresh = Path(folder) / "disc.iso"
        done = subprocess.run(["grub-mkrescue", "-o", str(fresh), str(root)], timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(f"grub-mkrescue made no disc:\n{done.stderr}")
        shutil.move(fresh, disc)
    return disc
