"""Descriptions and plots of a fitted autoencoder: its architecture, its latents, the response of its decoder."""
