"""The report of a study, made from result files alone: no model is loaded here."""
