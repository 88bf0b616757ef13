import json

from benchmarks.classification.trust_tables import trust_tables

SAID = {
    "cells": 40, "accuracy": 0.75, "accuracy_at_80_percent": 0.875, "unidentified": 0.2,
    "accuracy_of_identified": None, "right_that_keep_their_label": 0.9, "wrong_that_are_refused": None,
    "wrongly_called_immature_granulocyte": 0.01,
}  # fmt: skip


def test_a_model_is_a_row_and_an_unseen_laboratory_is_marked(tmp_path):
    found = {
        "training_domains": ["pbc"],
        "cells": {"known": 30, "class erythroblast": 7, "domain raabin": 40, "noise": 60, "photographs": 120},
        "novelty_auroc": {
            "class erythroblast": 0.91,
            "domain raabin": 0.7,
            "noise": 1.0,
            "photographs": 0.99,
        },
        "called_a_cell": {"photographs": 0.05},
        "domains": {"raabin": SAID, "pbc": SAID | {"accuracy_of_identified": 0.95}},
        "alarm_rate": {"raabin": 0.97, "pbc": None},
    }
    assert trust_tables(tmp_path) == {}
    (tmp_path / "without-raabin.json").write_text(json.dumps(found))
    tables = trust_tables(tmp_path)
    novelty, abstention = (tables[name].splitlines() for name in ("novelty", "abstention"))
    assert "| without raabin | 30 | erythroblast 0.910 (7) | raabin 0.700 (40) |" in novelty[2]
    assert "| raabin (never seen) | 40 | 0.750 |" in abstention[2]
    assert abstention[2].endswith("| 0.970 |")
    assert "| pbc | 40 |" in abstention[3]
    assert abstention[3].endswith("|  |")
