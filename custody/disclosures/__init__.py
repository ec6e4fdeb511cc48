"""Fields of a therapy shown to another member: asked for, answered, refused, given, withdrawn, expired."""
