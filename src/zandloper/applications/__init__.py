"""Uses of an autoencoder, one folder each; the folders never import each other.

An application adds no training code: it holds or clones an autoencoder and calls its `fit`, so that whatever the one
loop learns to do, every application does. Its decisions come from rows that trained nothing.
"""
