"""Applications of an autoencoder, one folder each; the folders never import each other.

An application adds no training code: it holds or clones an autoencoder and calls its `fit`, so that every application
benefits from the one training loop. Its decisions come from rows that trained nothing.
"""
