"""Dispatch: sealing a release, sending it, reading what became of it."""
