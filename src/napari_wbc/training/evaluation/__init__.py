"""Evaluation of classifiers: metrics, intervals, reliability, and the protocol that leaves one laboratory out."""
