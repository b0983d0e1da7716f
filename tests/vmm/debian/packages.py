# SPDX-License-Identifier: MIT
"""Debian packages as raw material: resolved, downloaded and unpacked, never installed.

A private apt configuration (own lists, own cache, the system's sources and keys) lies below the
build folder, so no root is needed and the system's state is only read. No version is written down
anywhere: what the release offers today is what is taken. Where the release's QEMU is too old for
the rig (see nested/rig.py), its backports suite is added to the private configuration.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

APT_SECONDS = 300


class PackageError(Exception):
    """A package could not be resolved, fetched or unpacked."""


def release_codename():
    """The running system's Debian codename."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise PackageError("/etc/os-release names no VERSION_CODENAME: the rig needs Debian packages")


def upstream_major(version):
    """The first number of a Debian version: 10 for 1:10.0.2+ds-2."""
    found = re.match(r"(?:\d+:)?(\d+)", version)
    if not found:
        raise PackageError(f"cannot read the version {version!r}")
    return int(found.group(1))


def _run(argv, directory=None):
    """Runs a command to its end; its output is kept out of sight, as it may name servers."""
    try:
        return subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=APT_SECONDS,
                              env={**os.environ, "LC_ALL": "C"})
    except subprocess.TimeoutExpired:
        raise PackageError(f"{argv[0]} took more than {APT_SECONDS} seconds") from None
    except FileNotFoundError:
        raise PackageError(f"{argv[0]} is missing: the rig needs a Debian system") from None


class Apt:
    """A private view of the package archive. `suite` is preferred where it has a package."""

    def __init__(self, directory, suite=None):
        self.directory = Path(directory).resolve()
        self.debs = self.directory / "debs"
        self._lists = self.directory / "lists"
        self._sources = self.directory / "sources.list.d"
        self._suite = suite
        for folder in (self.debs, self._lists / "partial", self._sources,
                       self.directory / "cache/archives/partial"):
            folder.mkdir(parents=True, exist_ok=True)
        self._write_sources()

    def _options(self):
        settings = [
            f"Dir::Etc::sourceparts={self._sources}",
            f"Dir::State::lists={self._lists}",
            f"Dir::Cache={self.directory / 'cache'}",
            # Container images switch these off; without them every call parses all lists again.
            "Dir::Cache::pkgcache=pkgcache.bin",
            "Dir::Cache::srcpkgcache=srcpkgcache.bin",
            # The download user of a root-run apt cannot write below a private build folder.
            "APT::Sandbox::User=root",
            "Acquire::Languages=none",
            "Acquire::Retries=2",
            "Acquire::http::Timeout=30",
        ]
        if self._suite:
            settings.append(f"APT::Default-Release={self._suite}")
        return [word for setting in settings for word in ("-o", setting)]

    def _write_sources(self):
        for old in self._sources.iterdir():
            old.unlink()
        system = Path("/etc/apt/sources.list.d")
        if system.is_dir():
            for source in system.iterdir():
                if source.suffix in (".list", ".sources"):
                    shutil.copy(source, self._sources / source.name)
        if self._suite:
            (self._sources / "pvops-suite.sources").write_text(self._suite_source())

    def _suite_source(self):
        """A source entry for `suite`, at the server and with the keys the system already uses."""
        codename = release_codename()
        asked = _run(["apt-get", "indextargets", "--format",
                      "$(RELEASE)\t$(COMPONENT)\t$(REPO_URI)\t$(SIGNED_BY)",
                      "Created-By: Packages"])
        for line in asked.stdout.splitlines():
            release, component, uri, keys = (line.split("\t") + [""] * 4)[:4]
            if release in (codename, "stable", "oldstable") and component == "main":
                text = (f"Types: deb\nURIs: {uri}\nSuites: {self._suite}\nComponents: main\n")
                return text + (f"Signed-By: {keys}\n" if keys.startswith("/") else "")
        raise PackageError(f"no configured package source offers {codename} main")

    def update(self):
        """Brings the lists up to date. False if that failed (older lists may still serve)."""
        self._seed_lists()
        done = _run(["apt-get", *self._options(), "-qq", "-o", "APT::Update::Error-Mode=any",
                     "update"])
        return done.returncode == 0

    def _seed_lists(self):
        """The system's own lists spare a download, and are all there is without a network."""
        for item in Path("/var/lib/apt/lists").glob("*_*"):
            copy = self._lists / item.name
            if item.is_file() and not copy.exists() and os.access(item, os.R_OK):
                shutil.copy2(item, copy)

    def candidate(self, package):
        """The version that would be taken, or None."""
        asked = _run(["apt-cache", *self._options(), "policy", package])
        found = re.search(r"^\s+Candidate: (\S+)", asked.stdout, re.MULTILINE)
        return None if not found or found.group(1) == "(none)" else found.group(1)

    def depends(self, *names):
        """Names in Depends and Pre-Depends of the candidates; of alternatives, the first."""
        asked = _run(["apt-cache", *self._options(), "show", "--no-all-versions", *names])
        if asked.returncode != 0:
            raise PackageError(f"not in the lists of this release: one of {', '.join(names)}")
        found = []
        for line in asked.stdout.splitlines():
            if line.startswith(("Depends:", "Pre-Depends:")):
                found += [clause.split()[0].partition(":")[0]
                          for clause in line.partition(":")[2].split(",") if clause.strip()]
        return found

    def followed(self, package, prefix):
        """`package` and all its dependencies, near and far, whose name begins with `prefix`."""
        found, news = [], [package]
        while news:
            found += news
            news = sorted({name for name in self.depends(*news)
                           if name.startswith(prefix) and name not in found})
        return found

    def lacking(self, package):
        """What an installation of `package` would add to, or renew on, this system."""
        asked = _run(["apt-get", *self._options(), "-s", "--no-install-recommends", "install",
                      package])
        if asked.returncode != 0:
            raise PackageError(f"the dependencies of {package} cannot be satisfied here")
        return re.findall(r"^Inst (\S+)", asked.stdout, re.MULTILINE)

    def download(self, packages, say):
        """Paths of the .deb files of the packages' candidates; only missing ones are fetched."""
        files = self._file_names(packages)
        missing = {name: size for name, (path, size) in files.items()
                   if not path.exists() or path.stat().st_size != size}
        if missing:
            say(f"fetching {len(missing)} packages, {sum(missing.values()) / 1e6:.0f} MB: "
                + ", ".join(missing))
            _run(["apt-get", *self._options(), "-qq", "download", *missing], self.debs)
        for name in missing:
            if not files[name][0].exists():
                raise PackageError(f"package {name} could not be downloaded")
        return [path for path, _ in files.values()]

    def _file_names(self, packages):
        # Not where packages lie: apt leaves out those that are in the current folder already.
        asked = _run(["apt-get", *self._options(), "download", "--print-uris", *packages],
                     self.directory)
        if asked.returncode != 0:
            raise PackageError(f"not in this release's lists: one of {', '.join(packages)}")
        files = {}
        for line in asked.stdout.splitlines():
            _address, name, size = line.split()[:3]
            files[name.partition("_")[0]] = (self.debs / name, int(size))
        if set(files) != set(packages):
            raise PackageError(f"cannot resolve {', '.join(set(packages) - set(files))}")
        return files


def unpack(debs, directory):
    """Unpacks .deb files into `directory`, which is made anew."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for deb in debs:
        done = _run(["dpkg", "-x", str(deb), str(directory)])
        if done.returncode != 0:
            raise PackageError(f"{deb.name} cannot be unpacked")
