"""What is asked: the batteries, and the code that loads and checks them."""
