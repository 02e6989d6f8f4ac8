"""The HTTP edge: middleware, errors, paging, streams, documentation."""
