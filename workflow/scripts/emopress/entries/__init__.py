"""What one entry of a config may say: pydantic models that check and describe it. Nothing here acts on an entry."""
