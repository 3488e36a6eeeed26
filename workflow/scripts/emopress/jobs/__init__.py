"""What happens around any job: arguments, GPUs, hashes, code stamps, the shared cache. Nothing here shapes a result."""
