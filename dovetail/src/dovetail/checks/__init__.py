"""What may be given: arguments, options and the signatures of handlers, checked when they are given."""
