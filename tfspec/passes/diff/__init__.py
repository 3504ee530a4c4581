"""What two specs differ in."""
