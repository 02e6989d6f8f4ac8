"""`/strategy/{id}/days`, `/account/days` and `/account/report`: what finished rounds came to."""
