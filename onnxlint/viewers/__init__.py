"""Models, their values and findings as viewers of others read them."""
