"""The message handlers. Each module makes one group, with a function that takes what the group needs."""
