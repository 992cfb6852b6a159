"""The network: what one batch goes through, from the corruption to the loss, and the parts that can stand in its slots.

Start with `hourglass.py`.
"""
