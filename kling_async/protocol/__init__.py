"""How the vendor is spoken to, as values: no socket, no clock, no loop in here."""
