# SPDX-License-Identifier: MIT
"""Keeps what a rig is built of below the build folder, and says when it must be built anew.

A rig is a dataclass of paths and words. Its stamp holds it together with its recipe: a digest of
whatever, when it changes, makes an earlier rig useless.
"""

import fcntl
import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from . import packages

HERE = Path(__file__).resolve().parent


class RigError(Exception):
    """The rig cannot be built here; the message says why."""


class RigUnavailable(RigError):
    """The packages are out of reach: no fault of the rig or of what it would run."""


def built(directory, recipe, kind, make, refresh=False):
    """The `kind` (a dataclass) below `directory`: from the cache, or out of `make()`.

    `kind.parts(rig)` lists the files without which a cached rig is not whole.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rig = None if refresh else cached(directory, recipe, kind)
    if rig:
        return rig
    try:
        rig = make()
    except packages.PackageError as error:
        raise RigUnavailable(str(error)) from error
    (directory / "stamp.json").write_text(json.dumps({"recipe": recipe, "rig": asdict(rig)}))
    return rig


def cached(directory, recipe, kind):
    try:
        stamp = json.loads((directory / "stamp.json").read_text())
    except (OSError, ValueError):
        return None
    if stamp.get("recipe") != recipe:
        return None
    rig = kind(**stamp["rig"])
    # The folder may have been moved or partly cleaned since.
    return rig if all(Path(part).exists() for part in rig.parts()) else None


def recipe(settings, folder):
    """A digest of a rig's settings and of the sources in its folder and this one."""
    digest = hashlib.sha256(f"{packages.release_codename()} {settings}".encode())
    for part in sorted(path for where in (HERE, folder) for path in where.iterdir()
                       if path.suffix in (".py", ".sh")):
        digest.update(part.read_bytes())
    return digest.hexdigest()


@contextmanager
def locked(directory):
    """Two runs at once must not build into the same folder."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def only(found, what):
    if len(found) != 1:
        raise RigError(f"expected one {what} in the packages, found {len(found)}")
    return found[0]
