"""Applications put autoencoders to a use. One file each, with one final class or function; found by its public name.

An application adds no training code: it holds or clones an autoencoder and calls its `fit`, so that whatever the one
loop learns to do, every application does. It judges on rows that trained nothing. What several of them share stands on
a lower layer (`study.py`); they never import each other.
"""
