"""Two releases of a model beside each other, a topic a module."""
