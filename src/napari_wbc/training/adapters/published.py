"""What an adapter knows about a published data set, and what it finds in a downloaded copy of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_wbc.errors import InputError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class FoundImage:
    """One labelled cell.

    Attributes
    ----------
    path : pathlib.Path
        The image; the cell is at its centre unless ``centre`` says otherwise.
    label, label_raw : str
        Our class (:mod:`napari_wbc.leukocytes`), and the publisher's own name of it.
    group : str
        Slide or patient, where the data set tells it.
    split : str
        ``train``, ``val`` or ``test`` where the publisher has split the images; else empty.
    centre : tuple of float, optional
        ``(y, x)`` of the cell, px, where the image is a field of view and has to be cut first.
    """

    path: Path
    label: str
    label_raw: str
    group: str = ""
    split: str = ""
    centre: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class PublishedImages:
    """A data set that has an adapter.

    Attributes
    ----------
    name : str
        What ``napari-wbc manifest --dataset`` takes; also the domain.
    title : str
        The name it is known by, with its source.
    um_per_px : float or None
        Scale of the images; None where only the user can know it.
    license : str
        Terms as its publisher states them.
    find : callable
        ``find(folder)`` gives the labelled cells of a downloaded copy.
    """

    name: str
    title: str
    um_per_px: float | None
    license: str
    find: Callable[[Path], list[FoundImage]]


def images_below(folder: Path) -> Iterator[Path]:
    """Give the images below a folder in a fixed order, without what archive programs leave behind."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.suffix.lower() in IMAGE_SUFFIXES and not any(
            part.startswith(".") or part == "__MACOSX" for part in inside
        ):
            yield path


def class_folders_of(
    folder: Path, classes: Iterable[str], what: str, *, left_out: Iterable[str] = ()
) -> list[Path]:
    """Find the folders named after classes, at any depth, so that it does not matter where a download was unpacked.

    Of a class folder within another one only the outer one counts. A folder of images beside them whose name is no
    class is an error, never dropped.

    Parameters
    ----------
    folder : Path
        The downloaded data set, or any folder around it.
    classes : iterable of str
        Names of the folders; case does not matter.
    what : str
        The data set, for the message.
    left_out : iterable of str, optional
        Names of folders beside them that are passed over.

    Raises
    ------
    InputError
        There is none, or one beside them is not known.
    """
    wanted = {name.lower() for name in classes}
    candidates = [folder, *(p for p in sorted(folder.rglob("*")) if p.is_dir())]
    named = [p for p in candidates if p.name.lower() in wanted and "__MACOSX" not in p.parts]
    found = [p for p in named if not set(p.parents) & set(named)]
    if not found:
        raise InputError(
            f"{folder} holds no folder of {what} ({', '.join(sorted(wanted)[:4])}, ...); give the folder that the "
            "download was unpacked to"
        )
    passed_over = {name.lower() for name in left_out}
    for parent in sorted({p.parent for p in found if p != folder}):
        for beside in sorted(parent.iterdir()):
            hidden = beside.name.startswith(".") or beside.name == "__MACOSX"
            known = beside in found or beside.name.lower() in passed_over
            if not (hidden or known) and any(images_below(beside)):
                raise InputError(
                    f"{beside}: {beside.name!r} is no class of {what} ({', '.join(sorted(wanted))}); move the folder "
                    "away or rename it"
                )
    return found


def cells_in_class_folders(folder: Path, labels: Mapping[str, str], what: str) -> list[FoundImage]:
    """List the images of a data set that has a folder per class and says no more about them.

    Parameters
    ----------
    folder, what
        As for :func:`class_folders_of`.
    labels : mapping of str to str
        Our class of each folder.
    """
    raw = {name.lower(): name for name in labels}
    return [
        FoundImage(image, labels[raw[place.name.lower()]], raw[place.name.lower()])
        for place in class_folders_of(folder, labels, what)
        for image in images_below(place)
    ]


def label_of(raw: str, labels: Mapping[str, str], where: Path, what: str) -> str:
    """Give our label of a publisher's name; a name that the adapter does not know is an error, never dropped."""
    try:
        return labels[raw]
    except KeyError:
        raise InputError(
            f"{where}: {raw!r} is no class of {what} ({', '.join(labels)}); move the folder away or rename it"
        ) from None
