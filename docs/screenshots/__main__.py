"""Takes the pictures of docs/tutorial.md: the real viewer, used with mouse and keys.

    make screenshots                                  all of them
    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/screenshots field review

Needs the development images (NAPARI_WBC_DATA) for the parts "field" and "images". The slide (0.7 GB) is drawn into
--scratch once; without that option it goes with the other temporary files.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("field", "review", "slide", "images")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(
        prog="python docs/screenshots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "tutorial")
    parser.add_argument("--scratch", type=Path, help="where the drawn slide is kept")
    parser.add_argument("--size", default="1600x1000", help="of the window, WIDTHxHEIGHT")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    size = tuple(int(side) for side in arguments.size.split("x"))
    # Its path shows in the pictures.
    home = Path(tempfile.gettempdir()) / "laboratory"
    home.mkdir()
    try:
        # Settings and reviews of the user stay as they are, and do not show in the pictures.
        os.environ.update({f"XDG_{kind}_HOME": f"{home}/{kind}" for kind in ("CONFIG", "DATA", "CACHE")})
        os.environ["NAPARI_CONFIG"] = f"{home}/settings.yaml"
        warm_up()
        for part in arguments.parts or PARTS:
            take(part, arguments.out, size, home, arguments.scratch or home)
    finally:
        shutil.rmtree(home)


def warm_up() -> None:
    """Load and compile what a first count has to wait for: the pictures tell how long a count takes."""
    import napari_wbc as wbc
    from napari_wbc.slides.synthetic import default_sample

    image, parameters = default_sample()
    wbc.count(image, um_per_px=parameters.um_per_px)


def take(part: str, out: Path, size: tuple[int, int], home: Path, scratch: Path) -> None:
    """Walk through one part in a viewer of its own."""
    import field
    import images
    import slide
    from user import User

    import review

    data = Path(os.environ.get("NAPARI_WBC_DATA", ROOT.parent / "shared" / "data"))
    user = User(out, size)
    if part == "field":
        field.walk(user, data, home)
    elif part == "review":
        review.walk(user)
    elif part == "slide":
        slide.walk(user, scratch)
    else:
        images.walk(user, data, home)
    user.viewer.close()


if __name__ == "__main__":
    main()
