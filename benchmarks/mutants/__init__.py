"""Whether the tests notice a fault: mutation testing of the numbers and of the tiles, and branch coverage."""
