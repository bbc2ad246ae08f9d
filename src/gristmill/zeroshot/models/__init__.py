"""Checkpoints: found, read, checked and named our way."""
