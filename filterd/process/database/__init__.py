"""The database of a box: opened for its roles, looked over, copied and put back."""
