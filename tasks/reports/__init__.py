"""Reports: one self-contained HTML page per campaign from the marts, and the KPI table of the command line."""
