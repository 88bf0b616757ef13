"""What the viewer's parts cost, each against the plain way in the same run.

    xvfb-run -a -s "-screen 0 1920x1200x24" python -m benchmarks.viewer gallery

Run from the repository's top. Every name is a module of this package with a function ``run() -> dict``; its figures
go to benchmarks/results/viewer/NAME.json and are printed. Compare ratios, not milliseconds: what else the machine does
counts for both ways.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
from pathlib import Path
from typing import Any

from benchmarks.segmentation.tables import write_json

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results" / "viewer"


def main() -> None:
    """Run the benchmarks that are named."""
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.viewer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    for name in parser.parse_args().names:
        figures = importlib.import_module(f"benchmarks.viewer.{name}").run()
        figures |= {"machine": _machine()}
        write_json(RESULTS / f"{name}.json", figures)
        print(json.dumps(figures, indent=1, default=float))


def _machine() -> dict[str, Any]:
    from qtpy import API_NAME, QT_VERSION

    return {
        "python": platform.python_version(),
        "qt": f"{API_NAME} {QT_VERSION}",
        "system": platform.system(),
    }


if __name__ == "__main__":
    main()
