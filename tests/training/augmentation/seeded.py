"""Draws that are the same in every run of the tests."""

import torch

from napari_wbc.training.augmentation.draws import Draws


def draws(seed=1):
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))
