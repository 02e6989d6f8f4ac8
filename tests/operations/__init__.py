"""What an operator does to a running product, as programs: each says what it measured."""
