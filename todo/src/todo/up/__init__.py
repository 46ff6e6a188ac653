"""`todo up`: the whole application, one child process for each instance of a component."""
