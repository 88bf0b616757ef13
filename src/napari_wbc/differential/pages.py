"""Pages as one HTML file each: nothing is loaded from elsewhere, and whatever a user wrote is escaped."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.wording import unit_tied

Picture = NDArray[np.uint8]


def page(template: str, *, package: str, heading: str, **values: Any) -> str:
    """Fill in the template of a page.

    Parameters
    ----------
    template : str
        Its file in the folder ``templates`` of the package; the style sheet ``report.css`` can be included from any.
    package : str
        The package.
    heading : str
        Stands at the top of every printed page but the first.
    **values
        What the template names; text is escaped, :class:`markupsafe.Markup` is not.

    Returns
    -------
    str
        The HTML.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(__package__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tied"] = unit_tied
    return environment.get_template(template).render(
        research_use=RESEARCH_USE, running_head=css_string(heading), **values
    )


def css_string(text: str) -> Markup:
    r"""Write a text as a string of a style sheet; all but plain letters and digits as numbers, so that none ends it.

    Examples
    --------
    >>> print(css_string("a</b>"))
    "a\00003c\00002fb\00003e"
    """
    plain = (c if c.isascii() and c.isalnum() else f"\\{ord(c):06x}" for c in text)
    return Markup('"{}"').format("".join(plain))


def jpeg(picture: Picture, quality: int) -> str:
    """Give a picture as an address that holds it.

    Parameters
    ----------
    picture : numpy.ndarray of uint8, shape (height, width, 3)
        RGB.
    quality : int
        Of the JPEG, 1 to 95.
    """
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
