"""What the authority does beside looking: timed inspections, and the reports that organisations sign for it."""
