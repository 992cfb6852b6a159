"""Fitted estimators to model folders and back; `load` reads any of them."""
