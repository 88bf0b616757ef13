"""What the classifier is worth on laboratories that it never saw."""
