"""The trading calendar: shown, and changed by an operator."""
