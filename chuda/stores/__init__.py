"""The stores, each with one owner: warehouse, ledger, vault, marts."""
