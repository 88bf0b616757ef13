"""What lets a model say that it does not know: fitted after training, kept in the bundle."""
