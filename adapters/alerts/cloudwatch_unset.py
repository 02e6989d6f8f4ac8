"""Names missing settings of CloudWatch, without loading boto3."""


class CloudWatchUnset(Exception):
    """CloudWatch is asked for, but AWS's own settings do not say where it is; the message says which."""
