"""The columns of predictions.parquet before those of the labels, which no label may be named like."""

PREDICTION_COLUMNS = ("id", "split", "noise", "label")
PREDICTED = "predicted"  # one more where texts have any number of labels
