"""What a user may write in a config, checked: entries, defaults, files, published figures. Nothing here runs a job."""
