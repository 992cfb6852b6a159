"""The network: the path of one batch from the corruption to the loss, and the parts of its slots.

Read `hourglass.py` first. `corruptions`, `networks`, `bottlenecks`, `losses` and `priors` are found by discovery.
"""
