"""The cell classes: names, order, colours and how coarse labels contain fine ones.

One palette serves overlay, legend, table, plots and report. Related classes share a hue; the colours follow
Okabe and Ito (https://jfly.uni-koeln.de/color/) and Tol (https://sronpersonalpages.nl/~pault/), so that they
stay apart under the common forms of colour blindness.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["leukocyte", "erythroblast", "platelet", "artifact", "unidentified"]


@dataclass(frozen=True, slots=True)
class CellClass:
    """One class of the differential.

    Attributes
    ----------
    name : str
        The name in every file and in the API.
    title : str
        The name shown to people.
    abbreviation : str
        Two to four letters, for plots and keys.
    colour : str
        ``#rrggbb``.
    kind : str
        Leukocytes are the denominator of the differential; nothing else is.
    """

    name: str
    title: str
    abbreviation: str
    colour: str
    kind: Kind = "leukocyte"


UNIDENTIFIED = "unidentified"

CLASSES: tuple[CellClass, ...] = (
    CellClass("neutrophil_segmented", "Segmented neutrophil", "SEG", "#0072b2"),
    CellClass("neutrophil_band", "Band neutrophil", "BAND", "#56b4e9"),
    CellClass("neutrophil", "Neutrophil", "NEU", "#2b93cf"),
    CellClass("lymphocyte", "Lymphocyte", "LYM", "#009e73"),
    CellClass("monocyte", "Monocyte", "MON", "#e69f00"),
    CellClass("eosinophil", "Eosinophil", "EOS", "#d55e00"),
    CellClass("basophil", "Basophil", "BAS", "#4b2e9c"),
    CellClass("metamyelocyte", "Metamyelocyte", "MMY", "#f0e442"),
    CellClass("myelocyte", "Myelocyte", "MY", "#c5b82f"),
    CellClass("promyelocyte", "Promyelocyte", "PMY", "#8a7f1a"),
    CellClass("immature_granulocyte", "Immature granulocyte", "IG", "#ded14a"),
    # Known names, for users whose images show them: the bundled models were never shown one.
    CellClass("promyelocyte_atypical", "Atypical promyelocyte", "APMY", "#6b5b10"),
    CellClass("myeloblast", "Myeloblast", "MBL", "#882255"),
    CellClass("monoblast", "Monoblast", "MOBL", "#aa4466"),
    CellClass("lymphoblast", "Lymphoblast", "LBL", "#661144"),
    CellClass("blast", "Blast", "BLA", "#992f5f"),
    CellClass("lymphocyte_reactive", "Reactive lymphocyte", "RLYM", "#44aa99"),
    CellClass("lymphocyte_large_granular", "Large granular lymphocyte", "LGL", "#117733"),
    CellClass("lymphocyte_neoplastic", "Neoplastic lymphocyte", "NLYM", "#225522"),
    CellClass("hairy_cell", "Hairy cell", "HC", "#5c7a29"),
    CellClass("plasma_cell", "Plasma cell", "PC", "#332288"),
    CellClass("lymphocyte_atypical", "Atypical lymphocyte", "ALYM", "#2e8b6f"),
    CellClass("erythroblast", "Erythroblast (nucleated red cell)", "NRBC", "#cc79a7", "erythroblast"),
    CellClass("platelet", "Platelet", "PLT", "#8c8c8c", "platelet"),
    CellClass("smudge_cell", "Smudge cell", "SMU", "#777755", "artifact"),
    CellClass("artifact", "Artifact", "ART", "#4d4d4d", "artifact"),
    CellClass(UNIDENTIFIED, "Unidentified", "?", "#000000", "unidentified"),
)
BY_NAME: dict[str, CellClass] = {c.name: c for c in CLASSES}
_PLACES = {c.name: place for place, c in enumerate(CLASSES)}

#: A coarse label and the fine classes whose probabilities add up to it.
CONTAINS: dict[str, tuple[str, ...]] = {
    "neutrophil": ("neutrophil_segmented", "neutrophil_band"),
    "immature_granulocyte": ("metamyelocyte", "myelocyte", "promyelocyte"),
    "blast": ("myeloblast", "monoblast", "lymphoblast"),
    "lymphocyte_atypical": (
        "lymphocyte_reactive",
        "lymphocyte_large_granular",
        "lymphocyte_neoplastic",
        "hairy_cell",
        "plasma_cell",
    ),
}

#: Labels that say no more than that one of several classes is meant.
PARTIAL_LABELS: dict[str, tuple[str, ...]] = {
    **CONTAINS,
    "leukocyte": tuple(c.name for c in CLASSES if c.kind == "leukocyte" and c.name not in CONTAINS),
    "not_leukocyte": tuple(c.name for c in CLASSES if c.kind in ("platelet", "artifact")),
}

#: The eleven classes that published data sets are harmonised to (Umer et al., arXiv 2303.07771), by our names.
HARMONISED: dict[str, str] = {
    "basophil": "basophil",
    "eosinophil": "eosinophil",
    "erythroblast": "erythroblast",
    "myeloblast": "myeloblast",
    "promyelocyte": "promyelocyte",
    "myelocyte": "myelocyte",
    "metamyelocyte": "metamyelocyte",
    "neutrophil_banded": "neutrophil_band",
    "neutrophil_segmented": "neutrophil_segmented",
    "monocyte": "monocyte",
    "lymphocyte_typical": "lymphocyte",
}

#: Other names of the same classes, as folders and tables have them: lower case, words joined by ``_``.
SYNONYMS: dict[str, str] = {
    **{theirs: ours for theirs, ours in HARMONISED.items() if theirs != ours},
    "artefact": "artifact",
    "band": "neutrophil_band",
    "band_neutrophil": "neutrophil_band",
    "ig": "immature_granulocyte",
    "normoblast": "erythroblast",
    "nrbc": "erythroblast",
    "segmented_neutrophil": "neutrophil_segmented",
    "smudge": "smudge_cell",
    "thrombocyte": "platelet",
}


def fine_classes(label: str) -> tuple[str, ...]:
    """Give the fine classes that a label stands for (a fine label stands for itself).

    Examples
    --------
    >>> fine_classes("neutrophil")
    ('neutrophil_segmented', 'neutrophil_band')
    >>> fine_classes("monocyte")
    ('monocyte',)
    """
    return CONTAINS.get(label, (label,))


def class_named(text: str) -> str | None:
    """Give our class that a name from elsewhere means, or None.

    Case, plural and the way words are joined do not matter.

    Examples
    --------
    >>> class_named("Lymphocyte (typical)"), class_named("Band neutrophils"), class_named("unicorn")
    ('lymphocyte', 'neutrophil_band', None)
    """
    plain = re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
    for name in (plain, plain.removesuffix("s")):
        name = SYNONYMS.get(name, name)
        if name in BY_NAME or name in PARTIAL_LABELS:
            return name
    return None


def coarse_class(label: str) -> str:
    """Give the coarse class that a fine label belongs to (itself where there is none).

    Examples
    --------
    >>> coarse_class("neutrophil_band")
    'neutrophil'
    """
    return next((coarse for coarse, fine in CONTAINS.items() if label in fine), label)


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names of classes: ours as the differential lists them, then the user's own by name.

    Examples
    --------
    >>> in_order({"basophil", "sezary_cell", "lymphocyte"})
    ['lymphocyte', 'basophil', 'sezary_cell']
    """
    return sorted(names, key=lambda name: (_PLACES.get(name, len(_PLACES)), name))


def is_nucleated(name: str) -> bool:
    """Tell whether a class is one of leukocytes or erythroblasts: the candidates for a count.

    Examples
    --------
    >>> is_nucleated("erythroblast"), is_nucleated("platelet")
    (True, False)
    """
    return class_of(name).kind in ("leukocyte", "erythroblast")


def class_of(name: str) -> CellClass:
    """Give the class of a name; a class of the user's own gets a colour from its name, always the same."""
    if name in BY_NAME:
        return BY_NAME[name]
    from hashlib import sha256

    digest = sha256(name.encode()).digest()
    # Mid-range values keep an unknown class visible on a smear and on white paper.
    colour = "#" + "".join(f"{64 + b % 128:02x}" for b in digest[:3])
    return CellClass(name, name.replace("_", " ").capitalize(), name[:4].upper(), colour)
