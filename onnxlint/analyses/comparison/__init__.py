"""The model beside another: a reference, stored outputs, its own declarations, its fix."""
