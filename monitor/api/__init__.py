"""The machine door: an HTTP API by which cameras push captures and programs read what became of them."""
