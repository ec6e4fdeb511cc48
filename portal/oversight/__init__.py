"""The authority's rooms: sites compared, inspections, and the reports that organisations sign."""
