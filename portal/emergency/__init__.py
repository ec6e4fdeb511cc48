"""Breaking the glass on screen: reason, factors shown anew, the identity with the time left, the alert."""
