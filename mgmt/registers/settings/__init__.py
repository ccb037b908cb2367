"""What the desk says of the pages: values with dates, above those of the configuration."""
