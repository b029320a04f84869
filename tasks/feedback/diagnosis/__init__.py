"""“Shown as sent but not received”: why, for a person, a template, a campaign or a carrier x province cell."""
