"""What must hold at each hand-over: one suite per gate, and the gate itself."""
