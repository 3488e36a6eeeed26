"""The linear family: TF-IDF over n-grams and a linear SVM."""
