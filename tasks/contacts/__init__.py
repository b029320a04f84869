"""Contacts as they really are: files read, columns recognised, numbers and fields cleaned, people merged."""
