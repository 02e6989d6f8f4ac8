"""Instruments and market status."""
