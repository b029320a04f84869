"""Feedback: receipts, replies and clicks into the ledger, opt-outs at once, and the ledger into the warehouse."""
