"""Generated input files as they are in life, with a known answer key; nothing here cleans or reads them back."""
