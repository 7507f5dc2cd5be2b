"""The model as a graph over all scopes, and what is known of its operators."""
