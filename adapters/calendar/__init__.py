"""The exchange's trading days: published, estimated, and corrected by the operator."""
