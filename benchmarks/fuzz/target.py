"""What is fuzzed: sound files to start from, how they are altered, and the reader that gets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.fuzz.mutations import Mutation


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes
    ----------
    name : str
        What the tables call it.
    alter : callable
        Makes a hostile file of a sound one.
    seeds : callable
        Writes sound files into a folder and gives their contents.
    read : callable
        Writes a content into a folder and reads it as a user's command does. A
        :class:`~napari_wbc.errors.WbcError` says that the content was refused, an ``AssertionError`` that what was
        read cannot be right.
    """

    name: str
    alter: Mutation
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[bytes, Path], None]


def altered(target: Target, seeds: list[bytes], number: int, seed: int) -> bytes:
    """Give an input by its number: the same in every campaign with this seed."""
    random = Random(f"{target.name} {seed} {number}")
    return target.alter(random.choice(seeds), random)
