"""Register, log in, stay logged in, log out; passwords, tokens and one-time codes."""
