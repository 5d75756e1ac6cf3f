"""Conditions of voices, elements and sounds: what breaks the rule, and the answer."""
