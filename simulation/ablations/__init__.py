"""The safeguards of the library's core and of each queue, and what is done without each of them."""
