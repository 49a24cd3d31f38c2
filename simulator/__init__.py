"""A stand-in for the Ministry's KSeF, run as a process of its own: ``python3 -m simulator``.

What it accepts, the real API would accept; what the real API refuses for a documented reason, it
refuses with the same status, code and body shape. It shares no code with the add-on: a mistake of
the client must not be repeated by its witness.
"""
