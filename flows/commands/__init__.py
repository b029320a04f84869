"""The commands of `chuda`, a module per kind of reader; each imports what it needs when it runs."""
