"""The model card: what a model is for, what it saw, how good it is, and where it must not be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_wbc.differential.intervals import wilson
from napari_wbc.leukocytes import class_of, coarse_class, is_nucleated
from napari_wbc.training.evaluation.summary import ACCURACY_INTERVAL
from napari_wbc.training.evaluation.tables import markdown_table

#: Origin and licence of the published images, by domain.
DATA_SOURCES = {
    "pbc": "PBC / Acevedo-20: Acevedo et al. 2020, doi 10.17632/snkd93bnjr.1, CC BY 4.0; Hospital Clinic Barcelona, "
    "CellaVision DM96, May Grünwald-Giemsa. Red cells and platelets from the same images as marked in TXL-PBC (MIT).",
    "raabin": "Raabin-WBC: Kouzehkanan et al. 2022, Scientific Reports, free access with citation; Iran, phone camera "
    "on a microscope, Giemsa. Red cells from the same images as marked in TXL-PBC (MIT).",
    "chula": "WBC_Dataset, Chulalongkorn University, MIT.",
    "bccd": "BCCD, MIT; class labels from BCCD-cleaned.",
    "txl_bcd": "Blood Cell Detection images as marked in TXL-PBC, MIT; red cells and platelets only.",
}


def write_card(info: Mapping[str, Any]) -> str:
    """Write the card of a bundle from the content of its ``model.json``."""
    classes = [class_of(c) for c in info["classes"]]
    lines = [
        f"# {info['name']}",
        "",
        *_never_seen(info["classes"]),
        "**Research use only.** Not a medical device; its output is no diagnosis.",
        "",
        "## Intended use",
        "",
        "Classifying single leukocytes in images of stained peripheral-blood smears (Romanowsky stains: May "
        f"Grünwald-Giemsa, Wright, Giemsa; 40x to 100x). Input: an RGB window of {info['window_um']:g} µm centred on "
        f"the cell, divided by its background; the network sees the middle {info['view_um']:g} µm at "
        f"{info['input_px']} px ({info['um_per_px']:.4f} µm per px)." + _second_look(info),
        "",
        "Classes: " + ", ".join(f"{c.title} (`{c.name}`)" for c in classes) + ".",
        "",
        *_when_unidentified(info),
        "",
        "## Training data",
        "",
        "| domain | cells | classes | origin and licence |",
        "|---|---|---|---|",
    ]
    for domain in info["training_domains"]:
        per_class = ", ".join(f"{k} {v}" for k, v in sorted(domain["classes"].items()))
        source = DATA_SOURCES.get(domain["name"], "the user's own")
        lines.append(f"| {domain['name']} | {domain['cells']} | {per_class} | {source} |")
    training = info["training"]
    start = training.get("init_note") or ("weights from a file" if training.get("init") else "random weights")
    lines += ["", f"Start: {start}.", "", "## Unseen laboratories", ""]
    unseen = info["metrics"]["leave_one_domain_out"]
    if unseen:
        lines += [
            "Each row: a model trained on the other domains only, tested on every cell of the domain that it never "
            "saw. The recipe is the same. Five classes (neutrophil, lymphocyte, monocyte, eosinophil, basophil); a "
            "prediction outside them counts as wrong. Input size, augmentation and priors were chosen with these "
            "domains in sight, so a further laboratory may fare worse. This, not the next table, is what to expect on "
            "it." + _about_intervals(unseen),
            "",
            markdown_table(unseen),
        ]
    else:
        lines.append("Not measured: expect it to be clearly worse than the table below.")
    lines += ["", "## Held-out cells of the training domains", ""]
    rows = []
    for domain, levels in info["metrics"]["in_domain"].items():
        for level, m in levels.items():
            if m["cells"]:
                rows.append(
                    {
                        "domain": domain,
                        "classes": f"{level} ({len(m['f1'])})",
                        "cells": m["cells"],
                        "accuracy": m["accuracy"],
                        "95 %": _wilson(m["accuracy"], m["cells"]),
                        "leukocytes and erythroblasts": _of_nucleated(m),
                        "macro-F1": m["macro_f1"],
                        "calibration error": m["calibration_error"],
                    }
                )
    lines += [
        "Groups (slide, field, near-duplicates) do not cross the split. *fine* tells bands from segmented neutrophils "
        "and the stages of immature granulocytes apart, *coarse* does not. Accuracy is that of all cells with Wilson's "
        "interval, then that of leukocytes and erythroblasts alone (their number), since platelets and artifacts are "
        "easily told. The temperature is the one fitted on unseen "
        "domains, so the model is under-confident here.",
        "",
        markdown_table(rows),
        "",
        "F1 by class, fine where the domain has it:",
        "",
    ]
    names = [c.name for c in classes]
    f1_rows = []
    for domain, levels in info["metrics"]["in_domain"].items():
        m = levels["fine"] if len(levels["fine"]["f1"]) >= len(levels["coarse"]["f1"]) else levels["coarse"]
        row: dict[str, Any] = {"domain": domain}
        for name in [*names, "neutrophil", "immature_granulocyte"]:
            value = m["f1"].get(name)
            row[name] = f"{value:.2f} ({m['support'][name]})" if value is not None else ""
        f1_rows.append(row)
    kept = (
        ["domain", *(n for n in f1_rows[0] if n != "domain" and any(r[n] for r in f1_rows))]
        if f1_rows
        else []
    )
    lines += [
        markdown_table([{k: r[k] for k in kept} for r in f1_rows]),
        "",
        "## Limits",
        "",
        *_limits(info),
        "- The scale matters: a window 15 % too wide costs several points of accuracy.",
        "",
    ]
    return "\n".join(lines)


def _never_seen(classes: Sequence[str]) -> list[str]:
    """Name the cells of disease that a model has no class for, before anything else."""
    if any("blast" in c and c != "erythroblast" for c in classes):
        return []
    others = {"plasma_cell": "a plasma cell", "lymphocyte_reactive": "a reactive lymphocyte"}
    missing = [text for name, text in others.items() if name not in classes]
    more = f"{', '.join(missing)} or a parasite" if missing else "a parasite"
    return [
        f"**This model has never seen a blast cell**, nor {more}: none of its training images shows one. Such cells "
        "come out as one of the classes below or as *unidentified*. A smear that may hold them must be read by a "
        "person.",
        "",
    ]


def _limits(info: Mapping[str, Any]) -> list[str]:
    """Say what follows from where the cells of each class came from."""
    domains = {d["name"]: d["classes"] for d in info["training_domains"]}
    lines = []
    seen_in = {c: [name for name, cells in domains.items() if c in cells] for c in info["classes"]}
    alone: dict[str, list[str]] = {}
    for c, where in seen_in.items():
        if len(where) == 1 and len(domains) > 1:
            alone.setdefault(where[0], []).append(c)
    for name, told in alone.items():
        lines.append(
            f"- Told apart in one laboratory only ({name}), so that elsewhere these labels are guesses: "
            f"{', '.join(class_of(c).title.lower() for c in told)}."
        )
    if {"raabin", "bccd"} <= domains.keys():
        lines.append(
            "- Basophils of raabin come from slides with a greenish background, and bccd has three: basophils are the "
            "weakest class on a new stain."
        )
    if "artifact" in info["classes"] and domains.keys() & DATA_SOURCES.keys():
        lines.append(
            "- The class *artifact* was trained on red cells and on conspicuous places of fields that its developers "
            "read as no leukocyte. Precipitate, smudge cells and platelet clumps were hardly seen; look at what stays "
            "unidentified."
        )
    left_out = info["training"].get("labels_left_out")
    if left_out:
        counts = ", ".join(f"{k} {v}" for k, v in left_out.items())
        lines.append(f"- Cells of the manifests that it has no class for were not trained on: {counts}.")
    return lines


def _about_intervals(unseen: Sequence[Mapping[str, Any]]) -> str:
    """Say what the intervals are, where the rows have them."""
    if ACCURACY_INTERVAL not in unseen[0]:
        return ""
    return " Intervals: by drawing groups and seeds again, of the labels before calibration, which differ a little."


def _of_nucleated(metrics: Mapping[str, Any]) -> str:
    """Give the accuracy of the leukocytes and erythroblasts, and how many there are."""
    cells = {k: n for k, n in metrics["support"].items() if is_nucleated(coarse_class(k))}
    total = sum(cells.values())
    right = sum(n * metrics["recall"][k] for k, n in cells.items())
    return f"{right / total:.3f} ({total})" if total else ""


def _wilson(share: float, cells: int) -> str:
    low, high = wilson(round(share * cells), cells)
    return f"{low:.3f} to {high:.3f}"


def _second_look(info: Mapping[str, Any]) -> str:
    look = info.get("second_look", {})
    if look.get("orientations", 1) == 1:
        return ""
    return (
        f" Cells whose likeliest kind has a probability below {look['below']:g} are seen in {look['orientations']} "
        "orientations, and the mean counts."
    )


def _when_unidentified(info: Mapping[str, Any]) -> list[str]:
    novel, conformal = info["thresholds"]["max_novelty"], info.get("conformal")
    if conformal is None:
        doubt = (
            f"when the probability of its (coarse) class is below {info['thresholds']['min_confidence']:g}"
        )
    else:
        doubt = (
            "unless exactly one (coarse) class is probable enough: the classes with a probability of "
            f"{conformal['threshold']:.3f} or more hold the right one for {conformal['level']:.0%} of the cells of "
            "laboratories that were left out of training"
        )
    of = info["novelty"].get("cells", "held out, of the training domains")
    lines = [
        f"A cell stays *unidentified* {doubt}, or when it is less like the training cells than {novel:.1%} of cells "
        f"{of}.",
    ]
    if "domain_shift" in info:
        lines += [
            "",
            "A slide as a whole is called unlike the training slides when the mean of its cells, class by class, lies "
            "farther from every training domain than 99 % of slides drawn from them.",
        ]
    return lines
