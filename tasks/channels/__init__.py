"""Channels: which can be trusted, by vetting, tests, canaries and their bills; and which messages go through which."""
