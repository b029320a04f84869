"""Compliance: who may not be messaged and why, as a list of small named rules, each giving one reason."""
