"""What one entry of a config may say: pydantic models, by what a user configures. Data and words, no behaviour."""
