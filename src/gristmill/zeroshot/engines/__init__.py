"""Engines that run an encoder, behind one contract (``base.py``)."""
