"""Use cases: what users and operators can have done, without HTTP."""
