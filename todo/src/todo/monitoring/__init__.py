"""What a component tells those who watch it: that it lives, whether it is ready, what it has done."""
