"""Planning: who gets what when, at what cost; frozen and hashed, so that what was approved is what is sent."""
