"""The scikit-learn estimators: one base and one file per type of autoencoder."""
