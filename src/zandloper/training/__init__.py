"""Training: the only training loop (`loop.py`), its state, schedule and checkpoints, the sources of its batches, and
the defaults of "auto".
"""
