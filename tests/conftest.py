"""Set-up of all tests."""
