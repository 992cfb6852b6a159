"""Measurements of generated data against real data, one file per kind of data."""
