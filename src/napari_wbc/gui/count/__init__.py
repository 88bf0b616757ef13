"""The dock widget "Count leukocytes"."""
