"""Providers: companies that sell SMS, each behind one protocol, and the simulator that plays one."""
