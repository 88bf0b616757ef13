"""Files for other programs: QuPath, laboratory systems, archives, notebooks and the training of other models."""
