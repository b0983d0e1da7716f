# SPDX-License-Identifier: MIT
"""Takes L1's stream apart into the consoles of its jobs (the frames are listed in debian/jobs.sh).

A frame may follow a guest's unfinished line, so it is searched for, not expected at the start. Its
nonce is unknown to the guests, so none of them can forge one.
"""

from dataclasses import dataclass


@dataclass
class Frame:
    kind: str
    words: list


class FrameReader:
    def __init__(self, nonce):
        self._mark = f"@@{nonce} "

    def split(self, line):
        """(console text or None, Frame or None) in one line of the stream."""
        text, mark, rest = line.partition(self._mark)
        if not mark:
            return line, None
        words = rest.split()
        frame = Frame(words[0], words[1:]) if words else None
        return text or None, frame
