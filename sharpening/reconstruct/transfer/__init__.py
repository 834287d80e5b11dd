"""Bringing a source onto the base: position and expression transfer (thesis section 2.3); `method.py` has the table."""
