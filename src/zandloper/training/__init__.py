"""The one training loop (`loop.py`), the sources of its batches, its schedule, its checkpoints and its defaults."""
