"""Segments: tags on the four axes and life stages of every contact, and who is in which segment since when."""
