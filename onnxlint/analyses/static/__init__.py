"""What the file alone says: shapes, layers, weights, what is constant, what decides an output."""
