"""From a data set's published files to checked, split and normalised texts with a data card."""
