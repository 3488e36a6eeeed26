"""Dense models on word vectors, the whole family except prediction (see runtime): training, export."""
