"""Crops become classes: windows, network, bundle, prediction, calibration and novelty."""

import os

# Threads of torch that wait for each other by spinning are up to a hundred times slower where other processes use
# the same cores (workers that look for cells, a viewer, other people's jobs). Read when torch is imported first.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
