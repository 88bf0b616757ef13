"""The model card: what a model is for, what it saw, how good it is, and where it must not be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_wbc.leukocytes import class_of
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
    no_blasts = not any("blast" in c.name and c.name != "erythroblast" for c in classes)
    lines = [f"# {info['name']}", ""]
    if no_blasts:
        lines += [
            "**This model has never seen a blast cell**, nor a plasma cell, a reactive lymphocyte or a parasite: no "
            "image of them with an open licence was at hand. Such cells come out as one of the classes below or as "
            "*unidentified*. A smear that may hold them must be read by a person.",
            "",
        ]
    lines += [
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
            "it.",
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
                        "macro-F1": m["macro_f1"],
                        "calibration error": m["calibration_error"],
                    }
                )
    lines += [
        "Groups (slide, field, near-duplicates) do not cross the split. *fine* tells bands from segmented neutrophils "
        "and the stages of immature granulocytes apart, *coarse* does not. The temperature is the one fitted on "
        "unseen domains, so the model is under-confident here.",
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
        "- Bands, metamyelocytes, myelocytes, promyelocytes and erythroblasts were seen in one laboratory only (pbc); "
        "elsewhere their labels are guesses.",
        "- Basophils of raabin come from slides with a greenish background, and bccd has three: basophils are the "
        "weakest class on a new stain.",
        "- The class *artifact* was trained on red cells and on conspicuous places of fields that its developers read "
        "as no leukocyte. Precipitate, smudge cells and platelet clumps were hardly seen; look at what stays "
        "unidentified.",
        "- The scale matters: a window 15 % too wide costs several points of accuracy.",
        "",
    ]
    return "\n".join(lines)


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
