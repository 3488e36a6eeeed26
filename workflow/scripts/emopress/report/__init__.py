"""The report of a study, drawn and written from result files alone."""
