"""Callbacks: addresses that only this account can have made, what comes in at them, and who is to be woken."""
