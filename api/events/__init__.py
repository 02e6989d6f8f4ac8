"""`/events`: all strategies of the caller in one stream."""
