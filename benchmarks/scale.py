"""How well the red cells tell the scale, on the fields of the development images; prints a Markdown table.

python benchmarks/scale.py [--fields 40] [--seed 0] [--data FOLDER]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from napari_wbc.slides import estimate_scale, open_slide


def measure(folder: Path, fields: int, seed: int) -> pd.DataFrame:
    """Estimate the scale of some fields of each domain; a row per field."""
    listed = pd.read_csv(folder / "fields.csv")
    rows = []
    for domain, of_domain in listed.groupby("domain"):
        for field in of_domain.sample(min(fields, len(of_domain)), random_state=seed).itertuples():
            slide = open_slide(folder / field.path)
            begin = time.process_time()
            scale = estimate_scale(slide)
            row = {"domain": domain, "path": field.path, "seconds": time.process_time() - begin}
            if scale is not None:
                row["ratio"] = scale.um_per_px / field.um_per_px
                row["confidence"], row["red_cells"] = scale.confidence, scale.n_red_cells
            rows.append(row)
    return pd.DataFrame(rows)


def summary(measured: pd.DataFrame) -> str:
    """Markdown table: one line per domain and one for all."""
    lines = [
        "| domain | fields | no estimate | median ratio | within 15 % | within 25 % | 5th-95th percentile | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for domain, group in [*measured.groupby("domain"), ("all", measured)]:
        told = group.dropna(subset=["ratio"])
        error = np.abs(np.log(told["ratio"]))
        low, high = told["ratio"].quantile([0.05, 0.95])
        lines.append(
            f"| {domain} | {len(group)} | {1 - len(told) / len(group):.0%} | {told['ratio'].median():.3f} "
            f"| {np.mean(error < np.log(1.15)):.0%} | {np.mean(error < np.log(1.25)):.0%} "
            f"| {low:.2f}-{high:.2f} | {group['seconds'].median():.2f} |"
        )
    return "\n".join(lines)


def by_confidence(measured: pd.DataFrame) -> str:
    """Markdown table: how often an estimate of a certain confidence is within 15 %."""
    told = measured.dropna(subset=["ratio"])
    right = np.abs(np.log(told["ratio"])) < np.log(1.15)
    lines = ["| confidence | fields | within 15 % |", "|---|---|---|"]
    for low, high in [(0.25, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.01)]:
        some = (told["confidence"] >= low) & (told["confidence"] < high)
        lines.append(f"| {low:.2f}-{min(high, 1):.2f} | {some.sum()} | {right[some].mean():.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[1]
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("NAPARI_WBC_DATA", root.parent / "shared/data")
    )
    parser.add_argument("--fields", type=int, default=40, help="per domain")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="also write a row per field")
    arguments = parser.parse_args()
    table = measure(Path(arguments.data), arguments.fields, arguments.seed)
    if arguments.csv:
        table.to_csv(arguments.csv, index=False)
    print(summary(table), by_confidence(table), sep="\n\n")
