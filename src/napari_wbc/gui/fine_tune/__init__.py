"""The dock widget "Fine-tune model"."""
