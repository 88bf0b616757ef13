"""The dock widget "Review cells"."""
