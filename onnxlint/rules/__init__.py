"""What a rule is, where rules come from, and what becomes of what they yield."""
