"""Inputs that were altered at random, and what every reader of ours makes of them."""
