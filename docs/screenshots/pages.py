"""Takes the pictures of docs/report.md: a batch of drawn smears, its reports and its page, printed and looked at.

    python docs/screenshots/pages.py --scratch build/pages

Draws and counts thirteen fields (ten minutes on one core). Needs pdftoppm, of poppler-utils, which turns pages into
pictures.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import napari_wbc as wbc
from napari_wbc.cli import main as command
from napari_wbc.differential.pdf import write_pdf
from napari_wbc.review import ReviewSession
from napari_wbc.slides.synthetic import SmearParameters, write_sample
from napari_wbc.slides.synthetic.parameters import NORMAL_ADULT, STAINS

ROOT = Path(__file__).resolve().parents[2]
NORMAL: dict[str, float] = {}
LEFT_SHIFTED = {
    "neutrophil_segmented": 0.50,
    "neutrophil_band": 0.14,
    "metamyelocyte": 0.05,
    "myelocyte": 0.03,
    "lymphocyte": 0.18,
}
EOSINOPHILIC = {"eosinophil": 0.28, "neutrophil_segmented": 0.38}
LYMPHOCYTIC = {"lymphocyte": 0.62, "neutrophil_segmented": 0.26}
#: Composition, leukocytes per mm², white cells in 10^9 per litre, and fields of each slide.
SLIDES = (
    (NORMAL, 1500, 7.2, 1),
    (NORMAL, 1400, 5.9, 1),
    (NORMAL, 1100, 8.1, 2),
    (NORMAL, 1500, 6.4, 1),
    (NORMAL, 700, 4.8, 1),
    (LEFT_SHIFTED, 1500, 14.2, 1),
    (LEFT_SHIFTED, 1450, 12.7, 1),
    (EOSINOPHILIC, 900, 9.3, 2),
    (EOSINOPHILIC, 1500, 8.8, 1),
    (LYMPHOCYTIC, 1300, 11.9, 1),
    (LYMPHOCYTIC, 450, 10.4, 1),
)
#: The slide whose report is shown, reviewed and signed.
SHOWN = "slide_06"
WIDTH_PX = 620


def draw(folder: Path) -> Path:
    """Draw the fields that are not there yet, and write their sample sheet; one of its images is not there."""
    rows = []
    for number, (composition, density, wbc_count, fields) in enumerate(SLIDES, 1):
        name = f"slide_{number:02d}"
        for field in range(fields):
            file = folder / f"{name}{'ab'[field] if fields > 1 else ''}.png"
            if not file.exists():
                parameters = SmearParameters(
                    height=3300,
                    width=4400,
                    seed=100 * number + field,
                    composition={**NORMAL_ADULT, **composition},
                    leukocytes_per_mm2=density,
                    stain=list(STAINS)[(number - 1) % len(STAINS)],
                )
                write_sample(file, parameters)
            rows.append((file.name, name, wbc_count))
    sheet = folder / "slides.csv"
    with sheet.open("w", newline="", encoding="utf-8") as file_:
        csv.writer(file_).writerows([("image", "slide", "wbc"), *rows, ("slide_12.svs", "slide_12", "")])
    return sheet


def signed_report(folder: Path) -> Path:
    """Review a slide: the cells that the model is least sure of get their true class, and the review is signed."""
    out = folder / "reviewed" / SHOWN
    if out.exists():
        return out / "report.html"
    session = ReviewSession(wbc.count(folder / f"{SHOWN}.png", wbc_per_l=14.2e9), user="a.example")
    truth = pd.read_csv(folder / f"{SHOWN}.truth.csv")
    places = truth[["y_px", "x_px"]].to_numpy()
    unsure = session.cells.sort_values("confidence").index[:60]
    for row in unsure:
        cell = session.cells.loc[row]
        far = np.hypot(*(places - [cell["y_px"], cell["x_px"]]).T)
        true = str(truth["label"].iloc[int(far.argmin())])
        if far.min() > 60:
            session.exclude([row])
        elif true == cell["label"]:
            session.accept([row])
        else:
            session.relabel([row], true)
    session.sign("A. Example")
    return session.result().write(out) / "report.html"


def pages(html: Path, folder: Path) -> list[Image.Image]:
    """Print a page on A4, and give the sheets as pictures."""
    pdf = write_pdf(html.read_text(encoding="utf-8"), folder / f"{html.parent.name}.pdf")
    for old in folder.glob(f"{pdf.stem}-*.png"):
        old.unlink()
    command_line = [
        "pdftoppm",
        "-png",
        "-scale-to-x",
        str(WIDTH_PX),
        "-scale-to-y",
        "-1",
        pdf,
        pdf.with_suffix(""),
    ]
    subprocess.run(command_line, check=True)
    return [Image.open(path).convert("RGB") for path in sorted(folder.glob(f"{pdf.stem}-*.png"))]


def side_by_side(sheets: list[Image.Image], path: Path) -> None:
    """Write sheets beside each other; photographs as JPEG, so that the file stays small."""
    gap = 12
    width = sum(sheet.width for sheet in sheets) + gap * (len(sheets) + 1)
    whole = Image.new("RGB", (width, sheets[0].height + 2 * gap), (206, 210, 215))
    x = gap
    for sheet in sheets:
        whole.paste(sheet, (x, gap))
        x += sheet.width + gap
    whole.save(path, optimize=True, quality=82)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "report")
    parser.add_argument(
        "--scratch", type=Path, required=True, help="where the smears and their counts are kept"
    )
    arguments = parser.parse_args()
    scratch, out = arguments.scratch, arguments.out
    for folder in (scratch, out):
        folder.mkdir(parents=True, exist_ok=True)
    sheet = draw(scratch)
    # 1: the image that is not there.
    assert command(["count", str(sheet), "--out", str(scratch / "cohort"), "--resume", "--quiet"]) == 1
    report = pages(signed_report(scratch), scratch)
    side_by_side(report[:2], out / "report_numbers.png")
    side_by_side(report[2:4], out / "report_cells.jpg")
    side_by_side(pages(scratch / "cohort" / "cohort.html", scratch)[:2], out / "cohort.png")


if __name__ == "__main__":
    main()
