"""What the seed describes, built in the ordinary way: see README.md beside this file."""
