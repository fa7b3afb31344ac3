"""What is written as it is said: pure, a language a module."""
