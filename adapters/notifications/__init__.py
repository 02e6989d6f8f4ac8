"""Bringing notices to their users: signed webhooks, mail, and services such as Telegram."""
