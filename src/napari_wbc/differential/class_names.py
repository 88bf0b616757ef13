"""Names of the classes in the languages of laboratories."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from napari_wbc.leukocytes import class_of

ENGLISH = "en"


def class_title(name: str, language: str = ENGLISH) -> str:
    """Give the name of a class for people.

    Parameters
    ----------
    name : str
        As in the cell table.
    language : str, optional
        One of :func:`languages`; a class without a name there has its English one.

    Examples
    --------
    >>> class_title("lymphocyte"), class_title("neutrophil_band", "de"), class_title("our_own", "fr")
    ('Lymphocyte', 'Stabkerniger Neutrophiler', 'Our own')
    """
    return _names().get(language, {}).get(name) or class_of(name).title


def languages() -> tuple[str, ...]:
    """Give the languages that there are names for.

    Examples
    --------
    >>> languages()
    ('en', 'de', 'es', 'fr')
    """
    return (ENGLISH, *sorted(_names()))


@cache
def _names() -> Mapping[str, Mapping[str, str]]:
    import yaml

    text = (resources.files(__package__) / "class_names.yaml").read_text(encoding="utf-8")
    content: dict[str, dict[str, str]] = yaml.safe_load(text)
    return content
