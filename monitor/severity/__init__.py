"""How large the cracks of one mask are: count, area, maximum width, length."""
