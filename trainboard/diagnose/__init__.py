"""What is wrong with a training, its machine or its job: findings, and the rules that make them."""
