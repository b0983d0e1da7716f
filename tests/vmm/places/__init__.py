# SPDX-License-Identifier: MIT
"""Every place where the project's kernels are put, and what they must say there.

A place is one boot: a VMM, a machine, a door, a loader's words, a face that the VMM shows. Its name
is a sentence, which is what fails. All places that share a rig share one boot of it, and the guests that
end badly in it come first.

    for place, result in visit(everywhere(Kernels(build_folder))):
        print(place.name, place.problems(result))
"""

from . import bench, cpus, endings, faces, hello, lies, machines, selftests
from .cpus import long, minute
from .place import Kernels, Place, PlaceError, visit

__all__ = ["Kernels", "Place", "PlaceError", "everywhere", "long", "minute", "visit"]


def everywhere(kernels):
    found = [place for kind in (endings, selftests, cpus, machines, faces, lies, hello, bench)
             for place in kind.places(kernels)]
    for name in (lambda place: place.name, lambda place: f"{place.job.name}.{place.job.vmm}"):
        names = [name(place) for place in found]
        twice = {text for text in names if names.count(text) > 1}
        if twice:
            raise PlaceError(f"two places are called {', '.join(sorted(twice))}")
    return found
