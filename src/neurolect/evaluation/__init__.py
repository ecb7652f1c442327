"""A whole split decoded: metrics, submission files, figures and a report."""
