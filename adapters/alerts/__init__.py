"""Where operators are told: the log, and Amazon CloudWatch."""
