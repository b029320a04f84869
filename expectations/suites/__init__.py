"""One suite per hand-over."""
