"""A model fitted to a laboratory from a few dozen labelled cells, with proof on cells that it did not learn from."""
