"""Crops become classes: windows, network, bundle, prediction, calibration and novelty."""
