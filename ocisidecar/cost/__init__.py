"""What a plan costs, from a price table and the bodies of its resources."""
