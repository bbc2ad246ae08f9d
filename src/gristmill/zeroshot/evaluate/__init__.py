"""Measures a classifier on labelled texts and on pairs of natural language inference, and writes what was found."""
