"""What the numbers of a differential are worth: coverage of the intervals, known compositions, real fields."""
