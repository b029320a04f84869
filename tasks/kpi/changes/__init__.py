"""What changed since the marts on file were built, and only that made anew: the SQL of the incremental refresh."""
