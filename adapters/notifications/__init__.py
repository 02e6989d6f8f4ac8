"""Sends notifications to users: signed webhooks, mail, Web Push, and services such as Telegram."""
