"""Training the classifier: manifests, sampling, augmentation, losses, fitting, evaluation."""
