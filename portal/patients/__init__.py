"""Patients of a centre: finding one, who can see what, who looked, and erasing."""
