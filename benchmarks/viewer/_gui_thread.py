"""Runs the events of the GUI thread, and notes how long each pass held it up, and where it was meanwhile."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from qtpy.QtWidgets import QApplication

_REST_S, _SAMPLE_S = 0.002, 0.005
#: Passes that are shorter cannot be among the longest.
_SHORT_S = 0.015
_OURS = "napari_wbc"
_THEIRS = ("napari", "vispy", "pandas", "torch")


@dataclass
class Block:
    """A time in which the GUI thread took no events."""

    seconds: float
    cpu_seconds: float
    during: str
    places: Counter[str] = field(default_factory=Counter)

    def described(self) -> dict[str, Any]:
        """Give it in ms, with the place where it was seen most often."""
        (place, _), *_ = self.places.most_common(1) or [("Qt", 0)]
        return {
            "ms": round(1000 * self.seconds, 1),
            "cpu_ms": round(1000 * self.cpu_seconds, 1),
            "during": self.during,
            "where": place,
        }


class GuiThread:
    """Takes events as Qt's own loop does, in passes that are timed.

    A block ends when Python has the turn again: where another thread keeps the interpreter, that counts. Its
    ``cpu_seconds`` are the work of the GUI thread alone, which other load of the machine leaves as it is.

    Parameters
    ----------
    during : callable
        Says what goes on, in words.
    """

    def __init__(self, during: Callable[[], str]) -> None:
        self.blocks: list[Block] = []
        self.passes = 0
        self._during = during
        self._begun: float | None = None
        self._places: Counter[str] = Counter()
        self._collecting = 0.0
        self._thread = threading.get_ident()
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()
        gc.callbacks.append(self._on_collection)

    def run(self, until: Callable[[], bool], *, at_most_s: float = 900.0) -> float:
        """Take events until something is so; gives the seconds that it took."""
        begun = time.perf_counter()
        while not until():
            if time.perf_counter() - begun > at_most_s:
                raise TimeoutError(f"not so after {at_most_s:g} s")
            self.pass_once()
        return time.perf_counter() - begun

    def rest(self, seconds: float) -> None:
        """Take events for a while."""
        end = time.perf_counter() + seconds
        self.run(lambda: time.perf_counter() > end)

    def pass_once(self, action: Callable[[], object] = QApplication.processEvents) -> None:
        """Do one pass, which begins after a rest; being late counts with it."""
        due = time.perf_counter() + _REST_S
        during = self._during()
        time.sleep(_REST_S)
        cpu = time.thread_time()
        self._places, self._begun = Counter(), due
        action()
        self._begun = None
        seconds, cpu = time.perf_counter() - due, time.thread_time() - cpu
        self.passes += 1
        if seconds > _SHORT_S:
            self.blocks.append(Block(seconds, cpu, during, self._places))

    def close(self) -> None:
        """Stop looking."""
        gc.callbacks.remove(self._on_collection)
        self._over.set()
        self._sampler.join()

    def figures(self, most: int = 5) -> dict[str, Any]:
        """Give the longest blocks by the clock and by the work of the thread."""
        by_clock = sorted(self.blocks, key=lambda block: -block.seconds)
        by_work = sorted(self.blocks, key=lambda block: -block.cpu_seconds)
        return {
            "longest_ms": 1000 * by_clock[0].seconds if by_clock else 0.0,
            "longest_cpu_ms": 1000 * by_work[0].cpu_seconds if by_work else 0.0,
            "passes": self.passes,
            "passes_over_50_ms": sum(block.seconds > 0.05 for block in self.blocks),
            "passes_over_50_cpu_ms": sum(block.cpu_seconds > 0.05 for block in self.blocks),
            "longest_by_clock": [block.described() for block in by_clock[:most]],
            "longest_by_work": [block.described() for block in by_work[:most]],
        }

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        """Note where Python collects garbage, in whichever thread: nothing else goes on then."""
        now = time.perf_counter()
        if phase == "start":
            self._collecting = now
        else:
            # As many as the sampler would have seen, could it run.
            thread = "" if threading.get_ident() == self._thread else " in another thread"
            self._places[f"garbage collection{thread}"] += int((now - self._collecting) / _SAMPLE_S)

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            begun, places = self._begun, self._places
            if begun is not None and time.perf_counter() - begun > _SHORT_S / 3:
                frame = sys._current_frames().get(self._thread)
                if frame is not None:
                    places[_place(frame)] += 1


def _place(frame: FrameType | None) -> str:
    """Name the outermost and the innermost function of this package, and the innermost one of all."""
    chain: list[tuple[str, str]] = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        owner = next((name for name in (_OURS, *_THEIRS) if name in path.parts), None)
        if owner is not None:
            inside = "/".join(path.parts[len(path.parts) - path.parts[::-1].index(owner) :])
            chain.append((owner, f"{'' if owner == _OURS else owner + '/'}{inside}:{frame.f_code.co_name}"))
        frame = frame.f_back
    ours = [name for owner, name in chain if owner == _OURS]
    places = [*dict.fromkeys([*ours[-1:], *ours[:1], *(name for _, name in chain[:1])])]
    return " > ".join(places) if places else "Qt"
