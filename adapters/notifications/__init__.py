"""Sends notifications to users: signed webhooks, mail, and services such as Telegram."""
